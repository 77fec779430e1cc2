import { expect, test } from 'vitest';

import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import type { EndedAssociation } from '../ports/association-history.ts';
import { createHistoryKeeper } from './history-keeper.ts';

const ENDED: EndedAssociation = {
  id: 'a1',
  peerAddress: '10.0.0.7',
  contexts: [],
  objects: 0,
  refusedObjects: 0,
  bytes: 0,
  startedAt: 0,
  endedAt: 1,
  outcome: 'released',
};
const DAY_MS = 86_400_000;

test('a history that cannot be written is said once, and again when it went bad anew', async () => {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  let isFull = true;
  const kept: EndedAssociation[] = [];
  const keeper = createHistoryKeeper({
    history: {
      add: (ended) => (isFull ? Promise.reject(new Error('full')) : Promise.resolve(void kept.push(ended))),
      pruneSome: () => Promise.resolve(false),
    },
    clock,
    logger,
    keepMs: DAY_MS,
  });
  keeper.record(ENDED);
  keeper.record(ENDED);
  await clock.advanceAsync(0);
  expect(logger.messages('warn')).toHaveLength(1);
  isFull = false;
  keeper.record(ENDED);
  await clock.advanceAsync(0);
  expect(kept).toHaveLength(1);
  isFull = true;
  keeper.record(ENDED);
  await clock.advanceAsync(0);
  expect(logger.messages('warn')).toHaveLength(2);
});

test('prunes step by step, then once an hour, and not after the stop', async () => {
  const clock = createFakeClock();
  const limits: number[] = [];
  const keeper = createHistoryKeeper({
    history: {
      add: () => Promise.resolve(),
      pruneSome: (before) => Promise.resolve(limits.push(clock.now() - before) < 3),
    },
    clock,
    logger: createRecordingLogger(),
    keepMs: 30 * DAY_MS,
  });
  keeper.start();
  await clock.advanceAsync(60_000);
  expect(limits).toEqual([30 * DAY_MS, 30 * DAY_MS, 30 * DAY_MS]);
  await clock.advanceAsync(3_600_000);
  expect(limits).toHaveLength(4);
  keeper.stop();
  expect(clock.pending).toBe(0);
});
