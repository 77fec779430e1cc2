import { setTimeout as delay } from 'node:timers/promises';

import { createRandom } from '../../fixtures/generator/drawing.ts';

/** Crashes per run; more by hand: `CRASH_ROUNDS=100 npm run test:integration -- crash`. */
export const CRASH_ROUNDS = Number(process.env.CRASH_ROUNDS ?? 12);
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);

/** Numbers from 0 to 1 that `CRASH_SEED`, which is told, makes come again. */
export function crashRandom(name: string, rounds = CRASH_ROUNDS): () => number {
  process.stdout.write(`${name}: ${rounds} rounds, CRASH_SEED=${SEED}\n`);
  const next = createRandom(SEED);
  return () => next() / 2 ** 32;
}

export interface CrashOptions {
  /** Of this one; every fourth leaves time for what comes after the last success. */
  readonly round: number;
  readonly random: () => number;
  /** After how many successes the daemon is killed; 0: at once. */
  readonly afterSuccesses: number;
  /** Everything that is sent, reporting each success; it must end once the daemon is gone. */
  readonly work: (onSuccess: () => void) => readonly Promise<unknown>[];
  readonly kill: () => Promise<unknown>;
}

/** Kills the daemon while work is under way, or when there is none left, and waits until the work has noticed. */
export async function crashAmid({ round, random, afterSuccesses, work, kill }: CrashOptions): Promise<void> {
  let left = afterSuccesses;
  let crashNow: () => void = () => undefined;
  const isTime = new Promise<void>((resolve) => {
    crashNow = resolve;
  });
  if (left === 0) crashNow();
  const all = Promise.all(
    work(() => {
      left -= 1;
      if (left === 0) crashNow();
    }),
  );
  await Promise.race([isTime, all]);
  await delay(random() * (round % 4 === 0 ? 1500 : 12));
  await kill();
  await all;
}
