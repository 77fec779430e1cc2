import { describe, expect, test } from 'vitest';

import { bytesOf } from '../../../test/support/captioned-bytes.ts';
import { GOLDEN_PDUS } from '../../../test/support/golden-pdus.ts';
import { readPdu } from './reader.ts';
import type { PduLimits } from './reader.ts';
import { writePdu } from './writer.ts';

const LIMITS: PduLimits = { maxAssociatePduBytes: 65_536, maxPDataTfBytes: 16_384 };

const AE_TITLES = '43495459'.padEnd(32, '20') + '435431'.padEnd(32, '20');
/** An A-ASSOCIATE-RQ with these items behind its fixed fields. */
function associateRq(...items: readonly string[]): Buffer {
  const body = Buffer.from(
    `00010000${AE_TITLES}${'00'.repeat(32)}${items.join('')}`.replace(/\s/g, ''),
    'hex',
  );
  const header = Buffer.from('010000000000', 'hex');
  header.writeUInt32BE(body.length, 2);
  return Buffer.concat([header, body]);
}

describe('golden bytes', () => {
  test.each(GOLDEN_PDUS)('$name reads as its meaning', ({ bytes, pdu }) => {
    expect(readPdu(bytes, LIMITS)).toEqual({ kind: 'pdu', pdu, consumedBytes: bytes.length });
  });

  test.each(GOLDEN_PDUS)('$name is written byte for byte', ({ bytes, pdu }) => {
    expect(writePdu(pdu).toString('hex')).toBe(bytes.toString('hex'));
  });

  test.each(GOLDEN_PDUS)('$name is read only once all of it is there', ({ bytes }) => {
    for (let length = 0; length < bytes.length; length += 1) {
      const result = readPdu(bytes.subarray(0, length), LIMITS);
      expect(result).toEqual({ kind: 'need-more', bytes: length < 6 ? 6 : bytes.length });
    }
  });
});

describe('tolerated', () => {
  test('items and sub-items that nobody knows are skipped', () => {
    const result = readPdu(
      associateRq('60000003aabbcc', '5000000e', '7f000002ffff', '5100000400004000'),
      LIMITS,
    );
    expect(result).toMatchObject({ kind: 'pdu', pdu: { userInformation: { maximumLengthReceived: 16384 } } });
  });

  test('UIDs padded with NUL or space are read without the padding', () => {
    const padded = associateRq('20000013', '01000000', '30000004312e3200', '40000003312e20');
    expect(readPdu(padded, LIMITS)).toMatchObject({
      kind: 'pdu',
      pdu: { presentationContexts: [{ id: 1, abstractSyntaxUid: '1.2', transferSyntaxUids: ['1.'] }] },
    });
  });

  test('a request without an Application Context Item reads with an empty name, for negotiation to refuse', () => {
    expect(readPdu(associateRq(), LIMITS)).toMatchObject({
      kind: 'pdu',
      pdu: { applicationContextName: '' },
    });
  });
});

describe('refused', () => {
  test.each([
    ['an unknown PDU-type', '474554202f20', 'unrecognized-PDU', 'PDU-type 0x47 is unknown'],
    [
      'a P-DATA-TF of 4 GiB',
      '0400ffffffff',
      'invalid-PDU-parameter-value',
      '4294967295 bytes is longer than the 16384',
    ],
    ['a P-DATA-TF without room for a PDV', '040000000004', 'invalid-PDU-parameter-value', 'holds no PDV'],
    [
      'an A-ASSOCIATE-RQ beyond the limit',
      '010000010001',
      'invalid-PDU-parameter-value',
      '65537 bytes is longer',
    ],
    [
      'an A-ABORT of the wrong length',
      '070000000005',
      'invalid-PDU-parameter-value',
      'A-ABORT has PDU-length 5',
    ],
    [
      'an A-RELEASE-RQ that announces 4 GiB',
      '0500ffffffff',
      'invalid-PDU-parameter-value',
      'A-RELEASE-RQ has PDU-length',
    ],
  ])('%s, from its header alone', (_name, header, reason, message) => {
    const result = readPdu(Buffer.from(header, 'hex'), LIMITS);
    expect(result).toMatchObject({ kind: 'invalid', error: { reason } });
    expect(result.kind === 'invalid' && result.error.message).toContain(message);
  });

  test.each([
    ['fixed fields cut short', Buffer.from('010000000003000100', 'hex'), 'reserved bytes 9-10'],
    ['an item longer than the PDU', associateRq('10000fff31'), 'item 0x10 needs 4095 bytes'],
    [
      'a sub-item longer than its item',
      associateRq('50000004', '51000004'),
      'User Information sub-item needs 4',
    ],
    [
      'an even Presentation-context-ID',
      associateRq('2000000b', '02000000', '30000003312e32'),
      'ID 2 is even',
    ],
    [
      'the same Presentation-context-ID twice',
      associateRq('2000000b', '03000000', '30000003312e32', '2000000b', '03000000', '30000003312e33'),
      'ID 3 is used twice',
    ],
    [
      'a Presentation Context without Abstract Syntax',
      associateRq('20000004', '05000000'),
      'no Abstract Syntax',
    ],
    [
      'a role selection whose UID runs out of it',
      associateRq('50000008', '54000004', '0009312e'),
      'Role Selection SOP-class-uid needs 9 bytes where 2 are left',
    ],
  ])('%s', (_name, bytes, message) => {
    const result = readPdu(bytes, LIMITS);
    expect(result).toMatchObject({ kind: 'invalid', error: { reason: 'invalid-PDU-parameter-value' } });
    expect(result.kind === 'invalid' && result.error.message).toContain(message);
  });

  test('a PDV whose Item-length does not fit its P-DATA-TF', () => {
    const bytes = bytesOf([
      ['04 00 00 00 00 06', 'P-DATA-TF of 6 bytes'],
      ['ff ff ff ff 01 03', 'Item-length 4 GiB'],
    ]);
    expect(readPdu(bytes, LIMITS)).toMatchObject({
      kind: 'invalid',
      error: { reason: 'invalid-PDU-parameter-value' },
    });
  });
});
