import fc from 'fast-check';

/** One change to bytes that stand alone; places are shares of the length. */
type Damage =
  | { readonly kind: 'set'; readonly at: number; readonly bytes: readonly number[] }
  | { readonly kind: 'remove'; readonly at: number; readonly length: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly length: number; readonly times: number }
  | { readonly kind: 'splice'; readonly at: number; readonly from: number; readonly length: number }
  | { readonly kind: 'cut'; readonly at: number };

/** Sequences that mean something in a Data Set: VRs, undefined lengths, item tags, in both byte orders. */
const TELLING = [
  'ffffffff',
  '00000000',
  'ffffff7f',
  'feff00e0',
  'feff0de0',
  'feffdde0',
  'fffee000',
  'fffee00d',
  'fffee0dd',
  '5351',
  '554e',
  '4f42',
  '0000',
  'ffff',
  'e07f1000',
  '08000500',
  '1b2442',
].map((hex) => [...Buffer.from(hex, 'hex')]);

const share = fc.double({ min: 0, max: 1, noNaN: true });
const length = fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 600 }));
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    at: share,
    bytes: fc.oneof(fc.constantFrom(...TELLING), fc.array(fc.nat(255), { minLength: 1, maxLength: 8 })),
  }),
  fc.record({ kind: fc.constant('remove' as const), at: share, length }),
  fc.record({
    kind: fc.constant('repeat' as const),
    at: share,
    length,
    times: fc.integer({ min: 1, max: 20 }),
  }),
  fc.record({ kind: fc.constant('splice' as const), at: share, from: share, length }),
  fc.record({ kind: fc.constant('cut' as const), at: share }),
);

/** Good bytes, changed in a few places. */
export function damagedBytes(samples: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc
    .record({
      sample: fc.constantFrom(...samples),
      other: fc.constantFrom(...samples),
      damages: fc.array(damage, { maxLength: 5 }),
    })
    .map(({ sample, other, damages }) =>
      damages.reduce<Buffer>((bytes, one) => apply(bytes, one, other), Buffer.from(sample)),
    );
}

function apply(bytes: Buffer, one: Damage, other: Buffer): Buffer {
  const at = Math.floor(bytes.length * one.at);
  switch (one.kind) {
    case 'set':
      Buffer.from(one.bytes).copy(bytes, at);
      return bytes;
    case 'remove':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + one.length)]);
    case 'repeat': {
      const part = bytes.subarray(at, at + one.length);
      const parts = Array.from({ length: one.times }, () => part);
      return Buffer.concat([bytes.subarray(0, at), ...parts, bytes.subarray(at)]);
    }
    case 'splice': {
      const from = Math.floor(other.length * one.from);
      const part = other.subarray(from, from + one.length);
      return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
    }
    case 'cut':
      return bytes.subarray(0, at);
  }
}
