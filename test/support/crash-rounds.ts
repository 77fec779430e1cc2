import { createRandom } from '../../fixtures/generator/drawing.ts';

/** Crashes per run; more by hand: `CRASH_ROUNDS=100 npm run test:integration -- crash`. */
export const CRASH_ROUNDS = Number(process.env.CRASH_ROUNDS ?? 12);
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);

/** Numbers from 0 to 1 that `CRASH_SEED`, which is told, makes come again. */
export function crashRandom(name: string): () => number {
  process.stdout.write(`${name}: ${CRASH_ROUNDS} rounds, CRASH_SEED=${SEED}\n`);
  const next = createRandom(SEED);
  return () => next() / 2 ** 32;
}

export function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
