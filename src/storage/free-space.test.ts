import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';

import { expect, test } from 'vitest';

import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { watchFreeSpace } from './free-space.ts';

const GB = 1024 ** 3;

test('what was written since the last measurement counts, so that a fast sender cannot use up the reserve', async () => {
  const { bavail, bsize } = await statfs(tmpdir());
  const logger = createRecordingLogger();
  const reserveBytes = Math.max(0, bavail * bsize - GB);
  const watch = await watchFreeSpace({
    dataDir: tmpdir(),
    reserveBytes,
    clock: createFakeClock(),
    logger,
  });
  expect(watch.current().isBelowReserve).toBe(false);
  watch.consumed(GB / 64);
  expect(watch.current().isBelowReserve).toBe(false);
  watch.consumed(2 * GB);
  expect(watch.current().isBelowReserve).toBe(true);
  expect(logger.messages('error')).toEqual([
    'disk below its reserve: nothing more is accepted until space is freed',
  ]);
  watch.stop();
});

test('too little at the start is said at once, and nothing is left running after the stop', async () => {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const watch = await watchFreeSpace({
    dataDir: tmpdir(),
    reserveBytes: Number.MAX_SAFE_INTEGER,
    clock,
    logger,
  });
  expect(watch.current().isBelowReserve).toBe(true);
  expect(logger.messages('error')).toHaveLength(1);
  watch.stop();
  expect(clock.pending).toBe(0);
});
