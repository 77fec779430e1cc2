import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';

import { CommandSetError, decodeCommandSet, encodeCommandSet } from '../../src/dimse/message/command-set.ts';
import type { CommandSet } from '../../src/dimse/message/command-set.ts';
import { createPduFramer } from '../../src/dimse/pdu/framer.ts';
import { readPdu } from '../../src/dimse/pdu/reader.ts';
import type { Pdu, PduError } from '../../src/dimse/pdu/types.ts';
import { writePdu } from '../../src/dimse/pdu/writer.ts';
import { casesTried, fuzz } from './support/fuzz.ts';
import { bytesOfCase, hostileCase, piecesOf } from './support/mutations.ts';
import { loadRecordings } from './support/recordings.ts';

const LIMITS = { maxAssociatePduBytes: 131_072, maxPDataTfBytes: 65_536 };

const recordings = new Map(loadRecordings().map(({ name, bytes }) => [name, bytes]));
const names = [...recordings.keys()];
const hostileStream = hostileCase(names).map((hostile) => ({
  bytes: bytesOfCase(hostile, recordings),
  splits: hostile.splits,
}));

afterAll(() => void process.stdout.write(`codecs: ${casesTried()} cases tried\n`));

interface Reading {
  readonly pdus: readonly Pdu[];
  readonly ending: PduError['reason'] | 'incomplete' | 'complete';
}

function readAll(stream: Buffer): Reading {
  const pdus: Pdu[] = [];
  for (let at = 0; at < stream.length;) {
    const result = readPdu(stream.subarray(at), LIMITS);
    if (result.kind === 'invalid') return { pdus, ending: result.error.reason };
    if (result.kind === 'need-more') return { pdus, ending: 'incomplete' };
    pdus.push(result.pdu);
    at += result.consumedBytes;
  }
  return { pdus, ending: 'complete' };
}

/** What a framer finds, each PDV as text, whatever pieces it came in. */
function frameAll(pieces: readonly Buffer[]): { finds: string[]; invalid: PduError['reason'] | undefined } {
  const finds: string[] = [];
  let invalid: PduError['reason'] | undefined;
  /** The PDV under way, in the pieces that it came in. */
  let pending: { about: string; parts: Buffer[] } | undefined;
  const flush = (isLast: boolean): void => {
    if (pending) finds.push(`${pending.about} ${Buffer.concat(pending.parts).toString('hex')} ${isLast}`);
    pending = undefined;
  };
  const framer = createPduFramer({
    limits: LIMITS,
    sink: {
      onPdu(pdu) {
        flush(false);
        finds.push(describePdu(pdu));
        return true;
      },
      onPDataTf: () => true,
      onFragment(contextId, isCommand, bytes, isLast) {
        const about = `${contextId} ${isCommand}`;
        if (pending && pending.about !== about) flush(false);
        pending ??= { about, parts: [] };
        pending.parts.push(Buffer.from(bytes));
        if (isLast) flush(true);
        return true;
      },
      onInvalid: (error) => void (invalid = error.reason),
    },
  });
  for (const piece of pieces) framer.feed(piece, 0);
  flush(false);
  return { finds, invalid };
}

const describePdu = (pdu: Pdu): string => writePdu(pdu).toString('hex');

test('what decodes encodes again, and decodes to the same', async () => {
  await fuzz({
    name: 'what decodes encodes again',
    of: hostileStream,
    few: 700,
    check({ bytes }) {
      for (const pdu of readAll(bytes).pdus) {
        const again = readPdu(writePdu(pdu), { ...LIMITS, maxAssociatePduBytes: Infinity });
        // Hundreds of times faster than the assertion over some thousand items, which only shows the difference.
        if (again.kind !== 'pdu' || !isDeepStrictEqual(again.pdu, pdu)) expect(again).toEqual(pdu);
      }
    },
  });
});

test('the framer finds the same in any split', async () => {
  await fuzz({
    name: 'the framer finds the same',
    of: hostileStream,
    few: 700,
    check({ bytes, splits }) {
      expect(frameAll(piecesOf(bytes, splits))).toEqual(frameAll([bytes]));
    },
  });
});

test('the framer and the reader of whole PDUs agree', async () => {
  await fuzz({
    name: 'the framer and the reader',
    of: hostileStream,
    few: 700,
    check({ bytes }) {
      const { pdus, ending } = readAll(bytes);
      const { finds, invalid } = frameAll([bytes]);
      const control = pdus.filter(({ type }) => type !== 'P-DATA-TF').map(describePdu);
      const found = finds.filter((text) => !text.includes(' '));
      expect(found.slice(0, control.length)).toEqual(control);
      if (ending === 'complete') expect({ found, invalid }).toEqual({ found: control, invalid: undefined });
      // The framer need not wait for the end of a P-DATA-TF to see that a PDV does not fit into it.
      else if (ending !== 'incomplete') expect(invalid).toBe(ending);
    },
  });
});

test('a Command Set that decodes encodes again, and decodes to the same', async () => {
  const element = fc
    .record({
      group: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
      element: fc.oneof(fc.constantFrom(0, 2, 3, 0x100, 0x110, 0x120, 0x800, 0x900, 0x1000), fc.nat(0xffff)),
      value: fc.uint8Array({ maxLength: 70 }),
      lie: fc.oneof(
        { weight: 9, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.nat(0xffff_ffff) },
      ),
    })
    .map(({ group, element: number, value, lie }) => {
      const header = Buffer.alloc(8);
      header.writeUInt16LE(group, 0);
      header.writeUInt16LE(number, 2);
      header.writeUInt32LE(lie ?? value.length, 4);
      return Buffer.concat([header, value]);
    });
  await fuzz({
    name: 'a Command Set that decodes',
    of: fc
      .tuple(fc.array(element, { maxLength: 12 }), fc.uint8Array({ maxLength: 9 }))
      .map(([elements, rest]) => Buffer.concat(rest.length === 9 ? [...elements, rest] : elements)),
    few: 3000,
    check(bytes) {
      let command: CommandSet;
      try {
        command = decodeCommandSet(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(CommandSetError);
        return;
      }
      const elements = [...command]
        .filter(([number]) => number !== 0)
        .map(([number, value]) => ({ element: number, value }))
        .sort((a, b) => a.element - b.element);
      const again = decodeCommandSet(encodeCommandSet(elements));
      expect([...again].filter(([number]) => number !== 0)).toEqual(
        elements.map(({ element: number, value }) => [number, value]),
      );
    },
  });
});
