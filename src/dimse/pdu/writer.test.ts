import { expect, test } from 'vitest';

import { readPdu } from './reader.ts';
import type { PresentationDataValue } from './types.ts';
import { writeMessagePdus } from './writer.ts';

const LIMITS = { maxAssociatePduBytes: 1024, maxPDataTfBytes: 0 };

function readAll(bytes: Buffer) {
  const pdvs: PresentationDataValue[] = [];
  const lengths: number[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const result = readPdu(rest, LIMITS);
    if (result.kind !== 'pdu' || result.pdu.type !== 'P-DATA-TF') throw new Error(`got ${result.kind}`);
    pdvs.push(...result.pdu.presentationDataValues);
    lengths.push(result.consumedBytes - 6);
    rest = rest.subarray(result.consumedBytes);
  }
  return { pdvs, lengths };
}

const MESSAGE = Buffer.from(Array.from({ length: 101 }, (_, index) => index));

test('a message goes out as one PDU where the peer sets no limit', () => {
  const { pdvs } = readAll(writeMessagePdus(5, true, MESSAGE, 0));
  expect(pdvs).toEqual([
    { presentationContextId: 5, isCommand: true, isLastFragment: true, fragment: MESSAGE },
  ]);
});

test.each([1, 8, 9, 50, 106, 107])('PDUs keep to a peer limit of %i bytes, in even fragments', (limit) => {
  const { pdvs, lengths } = readAll(writeMessagePdus(5, true, MESSAGE, limit));
  expect(Math.max(...lengths)).toBeLessThanOrEqual(Math.max(limit, 8));
  expect(Buffer.concat(pdvs.map((pdv) => pdv.fragment))).toEqual(MESSAGE);
  expect(pdvs.map((pdv) => pdv.isLastFragment)).toEqual([...pdvs.slice(1).map(() => false), true]);
  expect(pdvs.slice(0, -1).every((pdv) => pdv.fragment.length % 2 === 0)).toBe(true);
});
