import { constants } from 'node:fs';
import { access } from 'node:fs/promises';

import type { Clock } from '../core/ports/clock.ts';
import { dataLayout } from '../storage/layout.ts';

const INTERVAL_MS = 10_000;
/** A write of the index takes milliseconds; one that takes so long stands still. */
const SLOW_MS = 30_000;

export interface VitalsOptions {
  /** Absolute path. */
  readonly dataDir: string;
  /** Resolves once the index has been read and has taken a write. */
  readonly pulse: () => Promise<unknown>;
  /** Says what is wrong with the keys of object URLs; undefined: nothing. */
  readonly checkKeys: () => Promise<string | undefined>;
  readonly clock: Clock;
}

/** Whether what receiving needs, and what signs URLs, is well, looked at every ten seconds. Each says what is wrong; undefined: nothing. */
export interface Vitals {
  store(): string | undefined;
  index(): string | undefined;
  keys(): string | undefined;
  start(): void;
  stop(): void;
}

export function watchVitals({ dataDir, pulse, checkKeys, clock }: VitalsOptions): Vitals {
  const { objects, incoming } = dataLayout(dataDir);
  let storeTrouble: string | undefined;
  let indexTrouble: string | undefined;
  let keysTrouble: string | undefined;
  let pulsingSince: number | undefined;
  let cancel: (() => void) | undefined;
  let isStopped = false;

  async function lookAtStore(): Promise<void> {
    for (const folder of [objects, incoming]) {
      try {
        await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
        storeTrouble = `${folder} cannot be written (${code})`;
        return;
      }
    }
    storeTrouble = undefined;
  }

  function lookAtIndex(): void {
    if (pulsingSince !== undefined) return;
    pulsingSince = clock.now();
    pulse().then(
      () => {
        pulsingSince = undefined;
        indexTrouble = undefined;
      },
      (error: unknown) => {
        pulsingSince = undefined;
        indexTrouble = `the index fails (${error instanceof Error ? error.message : 'failed'})`;
      },
    );
  }

  async function look(): Promise<void> {
    lookAtIndex();
    await lookAtStore();
    keysTrouble = await checkKeys();
    if (!isStopped) cancel = clock.after(INTERVAL_MS, () => void look());
  }

  return {
    store: () => storeTrouble,
    keys: () => keysTrouble,
    index: () =>
      indexTrouble ??
      (pulsingSince !== undefined && clock.now() - pulsingSince > SLOW_MS
        ? 'the index has not taken a write for half a minute'
        : undefined),
    start: () => void look(),
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}
