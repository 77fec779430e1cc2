import { describe, expect, test } from 'vitest';

import { chooseTransferSyntax } from './choose-transfer-syntax.ts';

const IMPLICIT = '1.2.840.10008.1.2';
const EXPLICIT = '1.2.840.10008.1.2.1';
const DEFLATED = '1.2.840.10008.1.2.1.99';
const BIG_ENDIAN = '1.2.840.10008.1.2.2';
const JPEG_BASELINE = '1.2.840.10008.1.2.4.50';
const JPEG_LOSSLESS = '1.2.840.10008.1.2.4.70';
const JPEG_2000 = '1.2.840.10008.1.2.4.91';
const RLE = '1.2.840.10008.1.2.5';
const GE_PRIVATE = '1.2.840.113619.5.2';
const PRIVATE = '1.3.46.670589.33.1.4.1';

const choose = (...proposed: readonly string[]) => chooseTransferSyntax(proposed, () => true);

describe('the first proposed stands for what the sender holds', () => {
  test.each([
    ['storescu by default', [EXPLICIT, BIG_ENDIAN, IMPLICIT], EXPLICIT],
    [
      'an object held as lossy JPEG, with the default to fall back on',
      [JPEG_BASELINE, IMPLICIT],
      JPEG_BASELINE,
    ],
    ['an object held as JPEG 2000, ready to decompress', [JPEG_2000, EXPLICIT, IMPLICIT], JPEG_2000],
    ['a big endian device', [BIG_ENDIAN, IMPLICIT], BIG_ENDIAN],
    ['a deflated object', [DEFLATED, EXPLICIT], DEFLATED],
    ['uncompressed before compressed', [EXPLICIT, JPEG_LOSSLESS, JPEG_BASELINE], EXPLICIT],
    ['only the default', [IMPLICIT], IMPLICIT],
  ])('%s', (_name, proposed, chosen) => {
    expect(choose(...proposed)).toBe(chosen);
  });
});

describe('the default in first place is habit, not preference', () => {
  test.each([
    ['explicit VRs keep the VRs of private elements', [IMPLICIT, EXPLICIT, BIG_ENDIAN], EXPLICIT],
    ['a lossless object stays compressed', [IMPLICIT, JPEG_LOSSLESS], JPEG_LOSSLESS],
    ['in the order proposed', [IMPLICIT, RLE, EXPLICIT], RLE],
    ['but never make an original lossy', [IMPLICIT, JPEG_BASELINE, JPEG_2000], IMPLICIT],
    ['and neither turn its bytes round nor deflate it', [IMPLICIT, BIG_ENDIAN, DEFLATED], IMPLICIT],
  ])('%s', (_name, proposed, chosen) => {
    expect(choose(...proposed)).toBe(chosen);
  });
});

test('private and unknown syntaxes are taken only where nothing else is offered', () => {
  expect(choose(GE_PRIVATE, IMPLICIT)).toBe(IMPLICIT);
  expect(choose(GE_PRIVATE)).toBe(GE_PRIVATE);
  expect(choose(PRIVATE, JPEG_BASELINE)).toBe(JPEG_BASELINE);
  expect(choose(PRIVATE)).toBe(PRIVATE);
});

test('what the policy does not take is as if it were not proposed', () => {
  expect(chooseTransferSyntax([JPEG_BASELINE, EXPLICIT], (uid) => uid !== JPEG_BASELINE)).toBe(EXPLICIT);
  expect(chooseTransferSyntax([JPEG_BASELINE], () => false)).toBeUndefined();
});

test('text that is no UID is never chosen', () => {
  expect(choose('', '../../etc', 'x'.repeat(70))).toBeUndefined();
});
