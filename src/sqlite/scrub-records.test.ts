import { describe, expect, it } from 'vitest';

import { storedInstance } from '../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../test/support/temporary-index.ts';
import type { ScrubRound } from '../core/ports/scrub-records.ts';

const HOUR = 3_600_000;
const ROUND: ScrubRound = { startedAt: 0, area: 'objects', afterId: 0, objects: 0, bytes: 0 };

/** An index with ten instances, received at 1000, 2000, …; their row numbers are 1 to 10. */
async function archive() {
  const { index, scrub } = temporaryIndex();
  for (let number = 1; number <= 10; number += 1)
    await index.addInstance(storedInstance({ sop: `1.2.3.4.${number}`, receivedAt: number * 1000 }));
  return scrub;
}

describe('the oldest check', () => {
  it('is the reception of the first object that was never checked', async () => {
    const scrub = await archive();
    expect(scrub.oldestCheckAt()).toBe(1000);
    await scrub.save({ ...ROUND, afterId: 4 }, 50 * HOUR);
    expect(scrub.oldestCheckAt()).toBe(5000);
  });

  it('is that of the objects which the round has not come to yet', async () => {
    const scrub = await archive();
    await scrub.save({ ...ROUND, afterId: 5 }, 50 * HOUR);
    await scrub.save({ ...ROUND, afterId: 10 }, 60 * HOUR);
    await scrub.save({ ...ROUND, area: 'conflicts', finishedAt: 61 * HOUR }, 61 * HOUR);
    expect(scrub.oldestCheckAt()).toBe(50 * HOUR);
    await scrub.save({ ...ROUND, startedAt: 100 * HOUR, afterId: 3 }, 100 * HOUR);
    expect(scrub.oldestCheckAt()).toBe(50 * HOUR);
    await scrub.save({ ...ROUND, startedAt: 100 * HOUR, afterId: 7 }, 110 * HOUR);
    expect(scrub.oldestCheckAt()).toBe(60 * HOUR);
    await scrub.save({ ...ROUND, startedAt: 100 * HOUR, afterId: 10 }, 120 * HOUR);
    expect(scrub.oldestCheckAt()).toBe(100 * HOUR);
  });

  it('is no later than the start of the hour in which many were checked', async () => {
    const scrub = await archive();
    for (let id = 1; id <= 10; id += 1) await scrub.save({ ...ROUND, afterId: id }, 50 * HOUR + id * 60_000);
    expect(scrub.oldestCheckAt()).toBe(50 * HOUR + 60_000);
  });
});

describe('the round', () => {
  it('is as it was saved', async () => {
    const scrub = await archive();
    expect(scrub.round()).toBeUndefined();
    const round = { ...ROUND, startedAt: 5, afterId: 4, objects: 4, bytes: 4000 };
    await scrub.save(round, 10);
    expect(scrub.round()).toEqual(round);
    await scrub.save({ ...round, finishedAt: 11 }, 11);
    expect(scrub.round()).toEqual({ ...round, finishedAt: 11 });
  });
});
