import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createDataSetBuilder, type DataSetBuilder } from '../../../test/support/data-set-builder.ts';
import { assumedTransferSyntax, type TransferSyntax } from '../transfer-syntax.ts';
import { uid } from '../uid.ts';
import type { DataSetScan } from './data-set-scan.ts';
import { createDataSetScanner } from './data-set-scanner.ts';

const IMPLICIT = assumedTransferSyntax(uid('1.2.840.10008.1.2'));
const EXPLICIT = assumedTransferSyntax(uid('1.2.840.10008.1.2.1'));
const BIG_ENDIAN = assumedTransferSyntax(uid('1.2.840.10008.1.2.2'));
const JPEG = assumedTransferSyntax(uid('1.2.840.10008.1.2.4.50'));
const ALL = [IMPLICIT, EXPLICIT, BIG_ENDIAN] as const;

const CLASS = 0x00080016;
const NAME = 0x00100010;
const ROWS = 0x00280010;
const REQUEST = 0x00400275;
const REQUEST_DESCRIPTION = 0x00321060;
const STEP_DESCRIPTION = 0x00400007;
const PROCEDURE_CODE = 0x00081032;
const CODE_MEANING = 0x00080104;
const PIXELS = 0x7fe00010;

const wanted = {
  elements: new Set([CLASS, NAME, ROWS]),
  sequences: new Map([
    [REQUEST, new Set([REQUEST_DESCRIPTION, STEP_DESCRIPTION])],
    [PROCEDURE_CODE, new Set([CODE_MEANING])],
  ]),
};

function scan(transferSyntax: TransferSyntax, parts: readonly Buffer[], chunkLength = Infinity): DataSetScan {
  const bytes = Buffer.concat(parts);
  const scanner = createDataSetScanner({ transferSyntax, wanted });
  const step = Math.min(chunkLength, Math.max(1, bytes.length));
  for (let pos = 0; pos < bytes.length; pos += step) scanner.write(bytes.subarray(pos, pos + step));
  return scanner.end();
}

function text(scanned: DataSetScan, tag: number): string | undefined {
  return scanned.elements.get(tag)?.value.toString('latin1');
}

function itemText(scanned: DataSetScan, sequence: number, tag: number): string | undefined {
  return scanned.firstItems.get(sequence)?.get(tag)?.value.toString('latin1');
}

function start(builder: DataSetBuilder): Buffer {
  return builder.element(CLASS, 'UI', '1.2.840.10008.5.1.4.1.1.2');
}

describe.each(ALL)('a Data Set in $name', (syntax) => {
  const build = createDataSetBuilder(syntax);

  it('gives the wanted values with their byte order and nothing else', () => {
    const scanned = scan(syntax, [
      start(build),
      build.element(0x00080060, 'CS', 'CT'),
      build.element(NAME, 'PN', 'Doe^John'),
      build.element(ROWS, 'US', build.number16(512)),
      build.element(PIXELS, 'OW', Buffer.alloc(1000, 1)),
    ]);
    expect(scanned).toMatchObject({ integrity: 'complete', pixelData: 'integer' });
    expect([...scanned.elements.keys()]).toEqual([CLASS, NAME, ROWS]);
    expect(text(scanned, NAME)).toBe('Doe^John');
    const rows = scanned.elements.get(ROWS);
    expect(rows?.littleEndian).toBe(syntax.littleEndian);
    expect(syntax.littleEndian ? rows?.value.readUInt16LE() : rows?.value.readUInt16BE()).toBe(512);
    expect(rows?.vr).toBe(syntax.explicitVr ? 'US' : undefined);
  });

  it.each([false, true])(
    'takes the first item of wanted sequences, undefined lengths: %s',
    (undefinedLength) => {
      const request = (description: string) =>
        build.item(
          [
            build.element(REQUEST_DESCRIPTION, 'LO', description),
            build.sequence(
              0x00400008,
              [build.item([build.element(STEP_DESCRIPTION, 'LO', 'too deep')], undefinedLength)],
              undefinedLength,
            ),
            build.element(STEP_DESCRIPTION, 'LO', `${description} step`),
          ],
          undefinedLength,
        );
      const scanned = scan(syntax, [
        start(build),
        build.sequence(PROCEDURE_CODE, [], undefinedLength),
        build.element(NAME, 'PN', 'A'),
        build.sequence(REQUEST, [request('first!'), request('second')], undefinedLength),
        build.element(PIXELS, 'OW', Buffer.alloc(4)),
      ]);
      expect(scanned.integrity).toBe('complete');
      expect(itemText(scanned, REQUEST, REQUEST_DESCRIPTION)).toBe('first!');
      expect(itemText(scanned, REQUEST, STEP_DESCRIPTION)).toBe('first! step ');
      expect(scanned.firstItems.get(PROCEDURE_CODE)?.size).toBe(0);
      expect(scanned.elements.size).toBe(2);
    },
  );

  it('passes nested sequences of undefined length and what looks like a wanted element in them', () => {
    let nested = build.element(NAME, 'PN', 'Not^Me');
    for (let depth = 0; depth < 60; depth++) {
      nested = build.sequence(0x00081115, [build.item([nested], true)], true);
    }
    const scanned = scan(syntax, [start(build), nested, build.element(NAME, 'PN', 'It^Is^Me')]);
    expect(scanned.integrity).toBe('complete');
    expect(text(scanned, NAME)).toBe('It^Is^Me');
  });

  it('refuses nesting without end', () => {
    const open = [build.header(0x00081115, 'SQ', 0xffffffff), build.header(0xfffee000, '', 0xffffffff)];
    const scanned = scan(syntax, [start(build), ...Array.from({ length: 5000 }, () => open).flat()]);
    expect(scanned).toMatchObject({ integrity: 'malformed', reason: '(0008,1115) is nested too deeply.' });
  });

  it('keeps no value over the limit and says so', () => {
    const scanned = scan(syntax, [
      start(build),
      build.element(NAME, 'PN', 'x'.repeat(16 * 1024 + 2)),
      build.element(ROWS, 'US', build.number16(1)),
    ]);
    expect(scanned).toMatchObject({ integrity: 'complete', oversized: [NAME] });
    expect([...scanned.elements.keys()]).toEqual([CLASS, ROWS]);
  });

  it('notices a value cut short at any byte', () => {
    const bytes = Buffer.concat([start(build), build.element(PIXELS, 'OW', Buffer.alloc(20, 7))]);
    const first = start(build).length;
    for (let length = 1; length < bytes.length; length++) {
      if (length === first) continue;
      expect(scan(syntax, [bytes.subarray(0, length)]).integrity).toBe('truncated');
    }
    expect(scan(syntax, [bytes.subarray(0, bytes.length - 1)]).reason).toBe(
      'The bytes end inside (7fe0,0010).',
    );
  });

  it('takes declared lengths near 4 GiB for what they are, without memory for them', () => {
    const scanned = scan(syntax, [
      start(build),
      build.header(0x00091010, 'UN', 0xfffffffe),
      Buffer.alloc(100),
    ]);
    expect(scanned).toMatchObject({ integrity: 'truncated', reason: 'The bytes end inside (0009,1010).' });
  });

  it('accepts padding after the last element: zeros, or Data Set Trailing Padding', () => {
    const padding = [Buffer.alloc(3), Buffer.alloc(700), build.element(0xfffcfffc, 'OB', Buffer.alloc(50))];
    for (const bytes of padding) {
      expect(scan(syntax, [start(build), bytes]).integrity).toBe('complete');
    }
    expect(scan(syntax, [start(build), Buffer.alloc(700), Buffer.from([1])]).integrity).toBe('malformed');
  });

  it('walks elements after Pixel Data', () => {
    const scanned = scan(syntax, [
      start(build),
      build.element(PIXELS, 'OW', Buffer.alloc(20, 7)),
      build.element(0xfffafffa, 'OB', Buffer.alloc(2)),
    ]);
    expect(scanned.integrity).toBe('complete');
    expect(scan(syntax, [start(build), build.header(0x7fe00008, 'OF', 0)]).pixelData).toBe('float');
    expect(scan(syntax, [start(build), build.header(0x7fe00009, 'OD', 0)]).pixelData).toBe('double-float');
    expect(scan(syntax, [start(build)]).pixelData).toBe('none');
  });

  it('does not count the Pixel Data of an icon as that of the Data Set', () => {
    const icon = build.item([build.element(PIXELS, 'OW', Buffer.alloc(8))], true);
    expect(scan(syntax, [start(build), build.sequence(0x00880200, [icon], true)])).toMatchObject({
      integrity: 'complete',
      pixelData: 'none',
    });
  });

  it('refuses items and delimiters that stand in no sequence', () => {
    for (const bytes of [
      build.item([]),
      build.sequence(0x00081115, [build.element(NAME, 'PN', 'AB')], true),
    ]) {
      expect(scan(syntax, [start(build), bytes]).integrity).toBe('malformed');
    }
  });

  it('refuses an element that runs past the end of its item', () => {
    const item = build.item([build.header(REQUEST_DESCRIPTION, 'LO', 500)]);
    expect(scan(syntax, [start(build), build.sequence(REQUEST, [item]), Buffer.alloc(600)])).toMatchObject({
      integrity: 'malformed',
      reason: 'A value in (0040,0275) runs past the end of its sequence or item.',
    });
  });

  it('refuses command elements, and no bytes at all', () => {
    expect(scan(syntax, [build.element(0x00000100, 'US', build.number16(1))]).integrity).toBe('malformed');
    expect(scan(syntax, [Buffer.alloc(200), start(build)]).integrity).toBe('malformed');
    expect(scan(syntax, [])).toMatchObject({ integrity: 'malformed', reason: 'The Data Set is empty.' });
  });

  it('is malformed when declared in another encoding', () => {
    const bytes = Buffer.concat([
      start(build),
      build.element(NAME, 'PN', 'A^B'),
      build.element(PIXELS, 'OW', 'xyz'),
    ]);
    for (const declared of ALL) {
      const { integrity } = scan(declared, [bytes]);
      expect([declared.name, integrity]).toEqual([
        declared.name,
        declared === syntax ? 'complete' : 'malformed',
      ]);
    }
  });

  it('gives the same for the same bytes, however they are split', () => {
    const bytes = Buffer.concat([
      start(build),
      build.sequence(
        PROCEDURE_CODE,
        [build.item([build.element(CODE_MEANING, 'LO', 'Head')], true), build.item([])],
        true,
      ),
      build.element(NAME, 'PN', 'Doe^Jane'),
      build.element(0x00091001, 'UN', Buffer.alloc(300, 0x41)),
      build.sequence(REQUEST, [build.item([build.element(STEP_DESCRIPTION, 'LO', 'Plain head')])]),
      build.fragments([Buffer.alloc(0), Buffer.alloc(111, 3), Buffer.alloc(64, 4)]),
    ]);
    const whole = scan(syntax, [bytes]);
    expect(whole.integrity).toBe('complete');
    for (let step = 1; step < 40; step++) expect(scan(syntax, [bytes], step)).toEqual(whole);
  });
});

describe('encapsulated Pixel Data', () => {
  const build = createDataSetBuilder(JPEG);

  it('is walked by fragment lengths, so delimiters inside fragments mean nothing', () => {
    const trap = Buffer.from('feffdde000000000feffdde000000000', 'hex');
    const scanned = scan(JPEG, [
      start(build),
      build.fragments([Buffer.alloc(0), trap, Buffer.alloc(7)]),
      build.element(0xfffafffa, 'OB', Buffer.alloc(2)),
    ]);
    expect(scanned).toMatchObject({ integrity: 'complete', pixelData: 'integer' });
  });

  it('is truncated without its delimiter, malformed with anything but fragments', () => {
    const pixels = build.fragments([Buffer.alloc(10)]);
    expect(scan(JPEG, [start(build), pixels.subarray(0, -8)]).integrity).toBe('truncated');
    expect(scan(JPEG, [start(build), pixels.subarray(0, -8), build.header(NAME, 'PN', 8)]).integrity).toBe(
      'malformed',
    );
  });
});

describe('rule breakers that other readers cope with', () => {
  const build = createDataSetBuilder(EXPLICIT);
  const implicit = createDataSetBuilder(IMPLICIT);

  it('reads the content of UN with undefined length in Implicit VR', () => {
    const item = implicit.item([implicit.element(0x00291010, '', 'abcd')], true);
    const unknown = Buffer.concat([
      build.header(0x00291000, 'UN', 0xffffffff),
      item,
      build.header(0xfffee0dd, '', 0),
    ]);
    expect(scan(EXPLICIT, [start(build), unknown, build.element(NAME, 'PN', 'A^')])).toMatchObject({
      integrity: 'complete',
    });
  });

  it('finds wanted values in a sequence that was stored as UN', () => {
    const item = implicit.item([implicit.element(STEP_DESCRIPTION, '', 'Head')]);
    const scanned = scan(EXPLICIT, [start(build), build.sequence(REQUEST, [item], false, 'UN')]);
    expect(itemText(scanned, REQUEST, STEP_DESCRIPTION)).toBe('Head');
  });

  it.each([
    [
      'a VR of a later edition, 32-bit length',
      Buffer.concat([build.header(0x00186000, 'ZZ', 0), Buffer.from([4, 0, 0, 0]), Buffer.alloc(4)]),
    ],
    ['a VR of nobody, 16-bit length', Buffer.concat([build.header(0x00186000, 'ZZ', 4), Buffer.alloc(4)])],
    ['question marks, 16-bit length', Buffer.concat([build.header(0x00186000, '??', 4), Buffer.alloc(4)])],
    ['an element in Implicit VR', implicit.element(0x00186000, '', 'abcd')],
    ['a superfluous sequence delimiter', build.header(0xfffee0dd, '', 0)],
    ['an element of odd length', build.element(0x00186000, 'LO', Buffer.from('abc'))],
    ['a group length', build.element(0x00090000, 'UL', build.number32(99))],
  ])('goes on after %s', (_name, odd) => {
    const scanned = scan(EXPLICIT, [start(build), odd, build.element(NAME, 'PN', 'A^B ')]);
    expect(scanned.integrity).toBe('complete');
    expect(text(scanned, NAME)).toBe('A^B ');
  });

  it('keeps the first of repeated elements', () => {
    const scanned = scan(EXPLICIT, [
      start(build),
      build.element(NAME, 'PN', 'One '),
      build.element(NAME, 'PN', 'Two '),
    ]);
    expect(text(scanned, NAME)).toBe('One ');
  });
});

describe('any bytes', () => {
  const anySyntax = fc.constantFrom(...ALL, JPEG);
  const anyTag = fc.constantFrom(
    CLASS,
    NAME,
    ROWS,
    REQUEST,
    PROCEDURE_CODE,
    PIXELS,
    0x00091010,
    0xfffcfffc,
    0,
  );
  const anyVr = fc.constantFrom('UI', 'PN', 'SQ', 'UN', 'OB', 'OW', 'US', 'ZZ', '??', '\0\0', 'UT');
  const anyLength = fc.oneof(fc.nat(40), fc.constantFrom(0xffffffff, 0xfffffffe, 0x10000, 0xffff));

  /** Headers, items, delimiters and noise in any order: closer to a Data Set than plain random bytes. */
  const anyPiece = (build: DataSetBuilder): fc.Arbitrary<Buffer> =>
    fc.oneof(
      fc.tuple(anyTag, anyVr, anyLength).map(([tag, vr, length]) => {
        return build.header(tag, vr, createsLong(vr, build) ? length : length % 0x10000);
      }),
      fc
        .constantFrom(0xfffee000, 0xfffee00d, 0xfffee0dd)
        .chain((tag) => anyLength.map((length) => build.header(tag, '', length))),
      fc.uint8Array({ maxLength: 40 }).map((noise) => Buffer.from(noise)),
    );
  function createsLong(vr: string, build: DataSetBuilder): boolean {
    return build.header(NAME, vr, 0).length === 12 || build.header(NAME, 'PN', 0)[4] === 0;
  }
  const anyInput = anySyntax.chain((syntax) => {
    const build = createDataSetBuilder(syntax);
    return fc.record({
      syntax: fc.constant(syntax),
      bytes: fc
        .tuple(fc.boolean(), fc.array(anyPiece(build), { maxLength: 25 }))
        .map(([proper, pieces]) => Buffer.concat(proper ? [start(build), ...pieces] : pieces)),
      cuts: fc.array(fc.nat(60), { minLength: 1, maxLength: 20 }),
    });
  });

  it('end in a verdict that does not depend on where they are split', () => {
    fc.assert(
      fc.property(anyInput, ({ syntax, bytes, cuts }) => {
        const whole = scan(syntax, [bytes]);
        expect(whole.length).toBe(bytes.length);
        expect(whole.integrity === 'complete').toBe(whole.reason === undefined);
        expect(scan(syntax, [bytes], 1)).toEqual(whole);
        const scanner = createDataSetScanner({ transferSyntax: syntax, wanted });
        for (let pos = 0, turn = 0; pos < bytes.length; turn++) {
          // Empty chunks now and then, but never only those.
          const step = Math.max(cuts[turn % cuts.length] ?? 1, turn % 2);
          scanner.write(bytes.subarray(pos, pos + step));
          pos += step;
        }
        expect(scanner.end()).toEqual(whole);
      }),
      { numRuns: 2000 },
    );
  });

  it('keep no more than the limit for each wanted element', () => {
    fc.assert(
      fc.property(anyInput, ({ syntax, bytes }) => {
        const scanned = scan(syntax, [bytes]);
        const values = [scanned.elements, ...scanned.firstItems.values()].flatMap((found) => [
          ...found.values(),
        ]);
        expect(values.length).toBeLessThanOrEqual(6);
        expect(values.every(({ value }) => value.length <= bytes.length)).toBe(true);
      }),
    );
  });
});
