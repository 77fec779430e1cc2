import { describe, expect, it } from 'vitest';

import type { FileStamp } from './file-stamp.ts';
import { dueAt, type FileObservation } from './settle.ts';

const NOW = 1_800_000_000_000;
const LOCAL = { settleMs: 5000, patienceMs: 60_000, isLocal: true };
const SHARE = { ...LOCAL, isLocal: false };

function observed(stamp: Partial<FileStamp>, changes: Partial<FileObservation> = {}): FileObservation {
  const whole = { device: 1, inode: 2, bytes: 3, mtimeMs: NOW, ctimeMs: NOW, birthtimeMs: NOW, ...stamp };
  return { stamp: whole, since: NOW, isRejected: false, ...changes };
}
const dueIn = (observation: FileObservation, rules = LOCAL): number => dueAt(observation, rules) - NOW;

describe('on a local disk', () => {
  it('waits from the last change of a file that is being written', () => {
    expect(dueIn(observed({ mtimeMs: NOW - 2000, ctimeMs: NOW - 2000 }))).toBe(3000);
  });

  it('takes what has long been lying there at once, as after a start', () => {
    expect(dueIn(observed({ mtimeMs: NOW - 90_000, ctimeMs: NOW - 90_000 }))).toBeLessThan(0);
  });

  it('takes what was renamed into place at once', () => {
    expect(dueIn(observed({ mtimeMs: NOW - 300, ctimeMs: NOW - 1 }))).toBeLessThanOrEqual(0);
  });

  it('waits by its own observation where the file is from the future', () => {
    expect(dueIn(observed({ mtimeMs: NOW + 3_600_000, ctimeMs: NOW + 3_600_000 }))).toBe(5000);
  });

  it('has more patience with a file that is not whole, also when it was renamed', () => {
    expect(dueIn(observed({ mtimeMs: NOW - 10_000, ctimeMs: NOW - 9000 }, { isRejected: true }))).toBe(
      51_000,
    );
  });
});

describe('on a share', () => {
  it('believes no time of the server, whose clock may be wrong', () => {
    expect(dueIn(observed({ mtimeMs: NOW - 90_000, ctimeMs: NOW - 80_000 }), SHARE)).toBe(5000);
    expect(dueIn(observed({}, { since: NOW - 4000 }), SHARE)).toBe(1000);
  });
});
