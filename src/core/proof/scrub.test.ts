import { beforeEach, describe, expect, it } from 'vitest';

import { createFakeClock, type FakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import { storedInstance } from '../../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../../test/support/temporary-index.ts';
import type { FileContent } from '../ports/proof-files.ts';
import { createDamageBook } from './damage-book.ts';
import type { ProofParts } from './proof-run.ts';
import { createScrub, type Scrub } from './scrub.ts';

const DAY = 86_400_000;
const OBJECTS = 10;

let clock: FakeClock;
let index: ReturnType<typeof temporaryIndex>;
/** SOP Instance UIDs in the order in which they were read, and how fast. */
let read: string[];
let pace: number[];
let isBusy: boolean;
let slowReads: (() => void)[] | undefined;

beforeEach(async () => {
  clock = createFakeClock();
  index = temporaryIndex();
  read = [];
  pace = [];
  isBusy = false;
  slowReads = undefined;
  for (let number = 1; number <= OBJECTS; number += 1)
    await index.index.addInstance(storedInstance({ sop: `1.2.3.4.${number}`, fileBytes: 5e12 }));
});

/** Every reading fails in the same way, so that each object counts as damaged. */
function start(everyDays = 30): Scrub {
  const content: FileContent = { kind: 'read', bytes: 5e12, sha256: '0', head: new Uint8Array(0) };
  const parts: ProofParts = {
    index: index.index,
    proof: index.proof,
    files: {
      pathOf: ({ sopInstanceUid }: { sopInstanceUid: string }) => sopInstanceUid,
      conflictPathOf: () => 'none',
      exists: () => Promise.resolve(false),
      async read(path: string, _offset: number, rate: number) {
        if (slowReads !== undefined) await new Promise<void>((resolve) => slowReads?.push(resolve));
        read.push(path);
        pace.push(rate);
        return content;
      },
    } as unknown as ProofParts['files'],
    gateway: {} as ProofParts['gateway'],
    productsOf: () => [],
    clock,
  };
  const scrub = createScrub({
    parts,
    records: index.scrub,
    damage: createDamageBook({ parts, records: index.damage, maxBytesPerSecond: 0 }),
    clock,
    logger: createRecordingLogger(),
    periodMs: everyDays * DAY,
    maxBytesPerSecond: 30e6,
    isBusy: () => isBusy,
    totalBytes: () => index.index.totals().bytes,
  });
  scrub.start();
  return scrub;
}

const settled = (): Promise<void> => clock.advanceAsync(1);
const objectsRead = (): string[] => [...new Set(read)];

describe('the background check', () => {
  it('reads each object once in a period, no faster than is needed for that', async () => {
    const scrub = start(90);
    for (let turn = 0; turn < 20; turn += 1) await settled();
    expect(objectsRead()).toHaveLength(OBJECTS);
    expect(index.damage.count()).toBe(OBJECTS);
    // 50 TB in four fifths of 90 days.
    expect(pace[0]).toBeGreaterThan(7.9e6);
    expect(pace[0]).toBeLessThan(8.2e6);
    const first = scrub.status().round?.startedAt ?? 0;
    for (let hour = 0; hour < 89 * 24; hour += 1) await clock.advanceAsync(DAY / 24);
    expect(scrub.status().round?.startedAt).toBe(first);
    for (let hour = 0; hour < 48; hour += 1) await clock.advanceAsync(DAY / 24);
    expect(scrub.status().round?.startedAt).toBeGreaterThan(first + 89 * DAY);
    await scrub.stop();
  });

  it('is not faster than it may be, even where it is late', async () => {
    const scrub = start(1);
    for (let turn = 0; turn < 20; turn += 1) await settled();
    expect(pace[0]).toBe(30e6);
    await scrub.stop();
  });

  it('waits while images come in, but not for ever', async () => {
    isBusy = true;
    const scrub = start();
    await clock.advanceAsync(4 * 60_000);
    expect(read).toEqual([]);
    await clock.advanceAsync(70_000);
    expect(read.length).toBeGreaterThan(0);
    await scrub.stop();
  });

  it('goes on after a restart where it was', async () => {
    slowReads = [];
    const first = start();
    // Two readings and a look for a copy tell that an object is damaged.
    while (objectsRead().length < 3) {
      await settled();
      slowReads.shift()?.();
    }
    const stopped = first.stop();
    while (slowReads.length > 0) slowReads.shift()?.();
    await stopped;
    slowReads = undefined;
    const { objects = 0 } = index.scrub.round() ?? {};
    expect(objects).toBeGreaterThanOrEqual(2);
    expect(objects).toBeLessThan(OBJECTS);
    for (const { path } of index.damage.list(OBJECTS)) await index.damage.forget(path);
    read = [];
    const second = start();
    for (let turn = 0; turn < 20; turn += 1) await settled();
    expect(objectsRead()).toHaveLength(OBJECTS - objects);
    expect(index.scrub.round()).toMatchObject({ objects: OBJECTS });
    await second.stop();
  });
});
