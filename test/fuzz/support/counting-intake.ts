import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Intake } from '../../../src/core/ports/intake.ts';
import { STORED } from '../../support/memory-intake.ts';

/** An intake for millions of objects: keeps numbers, and checks that it is used as its contract says. */
export interface CountingIntake extends Intake {
  /** Objects answered as stored. */
  readonly stored: () => number;
  /** Receptions that neither `finish` nor `abort` has ended. */
  readonly open: () => number;
  /** Breaches of the contract; at most the first twenty. */
  readonly breaches: readonly string[];
  /** Calls back once with the SHA-256 of the object with this SOP Instance UID, in hex, when it is stored. */
  awaitDigest(sopInstanceUid: string): Promise<string>;
}

/** Every eighth write is waited for, so that back-pressure takes part. */
const SLOW_WRITE = 8;

export function createCountingIntake(): CountingIntake {
  let stored = 0;
  let open = 0;
  let writes = 0;
  const breaches: string[] = [];
  const awaited = new Map<string, (digest: string) => void>();
  const breach = (what: string): void => {
    if (breaches.length < 20) breaches.push(what);
  };
  return {
    stored: () => stored,
    open: () => open,
    breaches,
    awaitDigest: (sopInstanceUid) => new Promise((resolve) => awaited.set(sopInstanceUid, resolve)),
    begin(_origin, { sopInstanceUid }) {
      const tell = awaited.get(sopInstanceUid ?? '');
      const hash = tell && createHash('sha256');
      let isOver = false;
      let isWriting = false;
      open += 1;
      const end = (how: string): void => {
        if (isOver) breach(`${how} after the end`);
        if (!isOver) open -= 1;
        isOver = true;
      };
      return {
        write(bytes) {
          if (isOver) breach('write after the end');
          if (isWriting) breach('write while another is under way');
          hash?.update(bytes);
          writes += 1;
          if (writes % SLOW_WRITE !== 0) return undefined;
          isWriting = true;
          return nextTurn().then(() => void (isWriting = false));
        },
        async finish() {
          end('finish');
          await nextTurn();
          stored += 1;
          if (tell && hash) {
            awaited.delete(sopInstanceUid ?? '');
            tell(hash.digest('hex'));
          }
          return STORED;
        },
        abort() {
          end('abort');
          return Promise.resolve();
        },
      };
    },
    intakeEnded: () => undefined,
  };
}
