import { expect, it } from 'vitest';

import { abortText } from './abort-text.ts';

it.each([
  [{ source: 0, reason: 0 }, 'by its application'],
  [{ source: 0, reason: 2 }, 'by its application'],
  [{ source: 2, reason: 0 }, 'by its DICOM implementation: reason not specified'],
  [{ source: 2, reason: 6 }, 'by its DICOM implementation: invalid PDU parameter value'],
  [{ source: 2, reason: 3 }, 'by its DICOM implementation: reason 3'],
  [{ source: 1, reason: 9 }, 'source 1, reason 9'],
])('says who aborted and why: %j', (pdu, text) => {
  expect(abortText(pdu)).toBe(text);
});
