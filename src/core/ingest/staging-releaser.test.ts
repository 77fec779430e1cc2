import { expect, it } from 'vitest';

import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import { StagingReleaser } from './staging-releaser.ts';

function bench() {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const released: string[] = [];
  const disk = { fails: false, tries: 0 };
  const releaser = new StagingReleaser({
    index: { sync: () => Promise.resolve() },
    store: {
      release(names) {
        disk.tries += 1;
        if (disk.fails) return Promise.reject(new Error('EIO'));
        released.push(...names);
        return Promise.resolve();
      },
    },
    clock,
    logger,
  });
  return { clock, logger, releaser, released, disk };
}

it('tries links again whose release failed, and says so once', async () => {
  const { clock, logger, releaser, released, disk } = bench();
  disk.fails = true;
  releaser.add('a');
  await clock.advanceAsync(1000);
  releaser.add('b');
  await clock.advanceAsync(10_000);
  expect([disk.tries, released]).toEqual([2, []]);
  disk.fails = false;
  await clock.advanceAsync(10_000);
  expect(released).toEqual(['a', 'b']);
  expect(logger.lines.map(({ message }) => message)).toEqual([
    'staging links could not be released yet',
    'staging links are released again',
  ]);
});

it('does not claim to have released what it could not: the study would come back at the next start', async () => {
  const { clock, releaser, released, disk } = bench();
  disk.fails = true;
  releaser.add('a');
  await expect(releaser.flush()).rejects.toThrow('EIO');
  disk.fails = false;
  await expect(releaser.flush()).resolves.toBeUndefined();
  expect(released).toEqual(['a']);
  await clock.advanceAsync(60_000);
  expect(disk.tries).toBe(2);
});

it('does not try at every new object while it fails, however many wait', async () => {
  const { clock, releaser, released, disk } = bench();
  disk.fails = true;
  for (let count = 0; count < 5000; count += 1) releaser.add(String(count));
  await clock.advanceAsync(1000);
  for (let count = 5000; count < 10_000; count += 1) releaser.add(String(count));
  expect(disk.tries).toBeLessThan(4);
  disk.fails = false;
  await clock.advanceAsync(10_000);
  expect(released).toHaveLength(10_000);
});
