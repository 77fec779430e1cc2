import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { GOLDEN_PDUS } from '../../../test/support/golden-pdus.ts';
import { createPduFramer } from './framer.ts';
import type { PduLimits } from './reader.ts';
import type { ControlPdu, PduError, PresentationDataValue } from './types.ts';
import { writePdu } from './writer.ts';

const LIMITS: PduLimits = { maxAssociatePduBytes: 65_536, maxPDataTfBytes: 16_384 };

type Heard =
  | { readonly pdu: ControlPdu }
  | {
      readonly contextId: number;
      readonly isCommand: boolean;
      readonly bytes: string;
      readonly isLast: boolean;
    };

/** Feeds a framer and remembers what it said; pieces of one PDV fragment are put together again. */
function listen(options: { readonly stopAfterEach?: boolean; readonly takesData?: boolean } = {}) {
  const heard: Heard[] = [];
  const errors: PduError[] = [];
  const pieces: Buffer[] = [];
  let gathered: Buffer[] = [];
  let dataPdus = 0;
  const goOn = options.stopAfterEach !== true;
  const framer = createPduFramer({
    limits: LIMITS,
    sink: {
      onPdu(pdu) {
        heard.push({ pdu });
        return goOn;
      },
      onPDataTf() {
        dataPdus += 1;
        return options.takesData ?? true;
      },
      onFragment(contextId, isCommand, bytes, isLast) {
        pieces.push(bytes);
        gathered.push(bytes);
        if (isLast) {
          heard.push({ contextId, isCommand, bytes: Buffer.concat(gathered).toString('hex'), isLast });
          gathered = [];
        }
        return goOn;
      },
      onInvalid: (error) => errors.push(error),
    },
  });
  return {
    heard,
    errors,
    pieces,
    dataPdus: () => dataPdus,
    feed(chunk: Buffer) {
      let at = 0;
      let calls = 0;
      while (at < chunk.length) {
        at = framer.feed(chunk, at);
        calls += 1;
      }
      return calls;
    },
  };
}

const pdv = (isLastFragment: boolean, hex: string): PresentationDataValue => ({
  presentationContextId: 3,
  isCommand: false,
  isLastFragment,
  fragment: Buffer.from(hex, 'hex'),
});
const STREAM = Buffer.concat([
  ...GOLDEN_PDUS.filter(({ pdu }) => pdu.type !== 'P-DATA-TF').map(({ bytes }) => bytes),
  writePdu({
    type: 'P-DATA-TF',
    presentationDataValues: [pdv(false, '0102'), pdv(false, ''), pdv(true, '030405')],
  }),
  writePdu({ type: 'P-DATA-TF', presentationDataValues: [pdv(true, '')] }),
  writePdu({ type: 'P-DATA-TF', presentationDataValues: [pdv(false, 'aa'.repeat(500))] }),
  writePdu({ type: 'P-DATA-TF', presentationDataValues: [pdv(true, 'bb'.repeat(500))] }),
  writePdu({ type: 'A-RELEASE-RQ' }),
]);
const EXPECTED: readonly Heard[] = [
  ...GOLDEN_PDUS.flatMap(({ pdu }) => (pdu.type === 'P-DATA-TF' ? [] : [{ pdu }])),
  { contextId: 3, isCommand: false, bytes: '0102030405', isLast: true },
  { contextId: 3, isCommand: false, bytes: '', isLast: true },
  { contextId: 3, isCommand: false, bytes: 'aa'.repeat(500) + 'bb'.repeat(500), isLast: true },
  { pdu: { type: 'A-RELEASE-RQ' } },
];

describe('whatever the chunks', () => {
  test('all at once', () => {
    const framer = listen();
    framer.feed(STREAM);
    expect(framer.heard).toEqual(EXPECTED);
    expect(framer.dataPdus()).toBe(4);
  });

  test('byte by byte', () => {
    const framer = listen();
    for (const byte of STREAM) framer.feed(Buffer.of(byte));
    expect(framer.heard).toEqual(EXPECTED);
  });

  test('in any split, with or without being stopped after each find', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 })), fc.boolean(), (lengths, stopAfterEach) => {
        const framer = listen({ stopAfterEach });
        let at = 0;
        for (const length of [...lengths, STREAM.length]) {
          framer.feed(STREAM.subarray(at, at + length));
          at += length;
        }
        expect(framer.heard).toEqual(EXPECTED);
      }),
    );
  });
});

test('fragments are slices of the chunk, not copies', () => {
  const framer = listen();
  const chunk = Buffer.from(writePdu({ type: 'P-DATA-TF', presentationDataValues: [pdv(true, '0102')] }));
  framer.feed(chunk);
  chunk[12] = 0xff;
  expect(framer.pieces[0]?.[0]).toBe(0xff);
});

test('a sink that asks to stop gets nothing more until it is fed again', () => {
  const framer = listen({ stopAfterEach: true });
  const release = writePdu({ type: 'A-RELEASE-RQ' });
  expect(framer.feed(Buffer.concat([release, release, release]))).toBe(3);
});

test('the PDVs of a P-DATA-TF that is not wanted are skipped up to the next PDU', () => {
  const framer = listen({ takesData: false });
  framer.feed(STREAM);
  expect(framer.pieces).toEqual([]);
  expect(framer.heard).toEqual(EXPECTED.filter((item) => 'pdu' in item));
});

describe('invalid streams', () => {
  test('are reported once, and what follows is dropped', () => {
    const framer = listen();
    framer.feed(Buffer.from('GET / HTTP/1.1\r\n'));
    framer.feed(STREAM);
    expect(framer.errors.map((error) => error.reason)).toEqual(['unrecognized-PDU']);
    expect(framer.heard).toEqual([]);
  });

  test('a P-DATA-TF longer than announced is refused before any of it is taken', () => {
    const framer = listen();
    framer.feed(Buffer.from('0400ffffffff00000002', 'hex'));
    expect(framer.errors.map((error) => error.reason)).toEqual(['invalid-PDU-parameter-value']);
    expect(framer.dataPdus()).toBe(0);
  });

  test.each([
    ['a PDV that is longer than its P-DATA-TF', '040000000008' + '000000050103' + 'aabb'],
    ['a PDV without room for its own header', '040000000008' + '000000010103' + 'aabb'],
    ['bytes behind the last PDV that hold no other', '040000000009' + '000000030103' + 'aabbcc'],
  ])('%s', (_name, hex) => {
    const framer = listen();
    framer.feed(Buffer.from(hex, 'hex'));
    expect(framer.errors.map((error) => error.reason)).toEqual(['invalid-PDU-parameter-value']);
    expect(framer.heard).toEqual([]);
  });

  test('a body that cannot be read is refused, like one that is too long', () => {
    const framer = listen();
    framer.feed(Buffer.from('0100000000020001', 'hex'));
    expect(framer.errors.map((error) => error.message)).toEqual([
      'A-ASSOCIATE-RQ reserved bytes 9-10 needs 2 bytes where 0 are left',
    ]);
  });
});
