import { describe, expect, it } from 'vitest';

import { assumedTransferSyntax, transferSyntax, TRANSFER_SYNTAXES } from './transfer-syntax.ts';
import { uid } from './uid.ts';

describe('transferSyntax', () => {
  it.each([
    ['1.2.840.10008.1.2', false, true, false, false],
    ['1.2.840.10008.1.2.1', true, true, false, false],
    ['1.2.840.10008.1.2.2', true, false, false, false],
    ['1.2.840.10008.1.2.1.99', true, true, false, true],
    ['1.2.840.10008.1.2.1.98', true, true, true, false],
    ['1.2.840.10008.1.2.4.50', true, true, true, false],
    ['1.2.840.10008.1.2.4.94', true, true, false, false],
    ['1.2.840.10008.1.2.4.95', true, true, false, true],
    ['1.2.840.10008.1.2.4.201', true, true, true, false],
    ['1.2.840.10008.1.2.5', true, true, true, false],
  ])('%s: explicit %s, little endian %s, encapsulated %s, deflated %s', (...row) => {
    const [uidText, explicitVr, littleEndian, encapsulated, deflated] = row;
    expect(transferSyntax(uidText)).toMatchObject({ explicitVr, littleEndian, encapsulated, deflated });
  });

  it('marks the retired ones', () => {
    expect(transferSyntax('1.2.840.10008.1.2.2')?.retired).toBe(true);
    expect(transferSyntax('1.2.840.10008.1.2.4.53')?.retired).toBe(true);
    expect(transferSyntax('1.2.840.10008.1.2.4.70')?.retired).toBe(false);
  });

  it('lists each UID once', () => {
    expect(new Set(TRANSFER_SYNTAXES.map((syntax) => syntax.uid)).size).toBe(TRANSFER_SYNTAXES.length);
  });

  it('knows no others', () => {
    expect(transferSyntax('1.2.3')).toBeUndefined();
    expect(transferSyntax('1.2.840.10008.1.2\0')).toBeUndefined();
  });
});

describe('assumedTransferSyntax', () => {
  it('reads an unknown syntax as Explicit VR Little Endian around encapsulated pixels', () => {
    expect(assumedTransferSyntax(uid('1.2.840.113619.5.999'))).toMatchObject({
      uid: '1.2.840.113619.5.999',
      explicitVr: true,
      littleEndian: true,
      encapsulated: true,
      deflated: false,
      standard: false,
    });
  });

  it('reads the private syntax of GE as Implicit VR Little Endian with swapped pixels', () => {
    expect(assumedTransferSyntax(uid('1.2.840.113619.5.2'))).toMatchObject({
      explicitVr: false,
      littleEndian: true,
      encapsulated: false,
      bigEndianPixelData: true,
    });
  });

  it('answers a known one from the table', () => {
    expect(assumedTransferSyntax(uid('1.2.840.10008.1.2'))).toBe(transferSyntax('1.2.840.10008.1.2'));
  });
});
