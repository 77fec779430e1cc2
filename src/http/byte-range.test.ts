import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseByteRange } from './byte-range.ts';

const whole = { kind: 'whole' };
const unsatisfiable = { kind: 'unsatisfiable' };
const part = (start: number, length: number) => ({ kind: 'part', start, length });

describe('byte range of 1000 bytes', () => {
  it.each([
    ['bytes=0-0', part(0, 1)],
    ['bytes=0-499', part(0, 500)],
    ['bytes=500-', part(500, 500)],
    ['bytes=-1', part(999, 1)],
    ['bytes=-5000', part(0, 1000)],
    ['bytes=999-5000', part(999, 1)],
    ['BYTES= 1-2', part(1, 2)],
    ['bytes=1000-', unsatisfiable],
    ['bytes=1000-2000', unsatisfiable],
    ['bytes=-0', unsatisfiable],
    ['bytes=999999999999999999-', unsatisfiable],
    [undefined, whole],
    ['bytes=', whole],
    ['bytes=-', whole],
    ['bytes=5-4', whole],
    ['bytes=0-1,5-6', whole],
    ['bytes=a-b', whole],
    ['lines=1-2', whole],
  ])('%s', (header, expected) => {
    expect(parseByteRange(header, 1000)).toEqual(expected);
  });

  it('lies within the file, whatever is asked for', () => {
    const number = fc.oneof(fc.constant(''), fc.nat(2000).map(String), fc.bigInt({ min: 0n }).map(String));
    fc.assert(
      fc.property(number, number, fc.integer({ min: 1, max: 1500 }), (first, last, size) => {
        const range = parseByteRange(`bytes=${first}-${last}`, size);
        if (range.kind !== 'part') return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.length).toBeGreaterThan(0);
        expect(range.start + range.length).toBeLessThanOrEqual(size);
      }),
    );
  });
});
