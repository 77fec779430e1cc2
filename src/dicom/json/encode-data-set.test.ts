import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createDataSetBuilder } from '../../../test/support/data-set-builder.ts';
import { encodeJson } from '../../../test/support/encoded-json.ts';
import { assumedTransferSyntax } from '../transfer-syntax.ts';
import { uid } from '../uid.ts';
import { MAX_INLINE_BYTES } from './encode-data-set.ts';

const IMPLICIT = assumedTransferSyntax(uid('1.2.840.10008.1.2'));
const EXPLICIT = assumedTransferSyntax(uid('1.2.840.10008.1.2.1'));
const BIG_ENDIAN = assumedTransferSyntax(uid('1.2.840.10008.1.2.2'));
const JPEG = assumedTransferSyntax(uid('1.2.840.10008.1.2.4.50'));
const build = createDataSetBuilder(EXPLICIT);

const NAME = 0x00100010;
const PIXELS = 0x7fe00010;

/** The object that elements in Explicit VR Little Endian come to. */
function encode(...elements: readonly Buffer[]) {
  return encodeJson(Buffer.concat(elements), EXPLICIT);
}

describe.each([IMPLICIT, EXPLICIT, BIG_ENDIAN])('in $name', (syntax) => {
  const { element, number16, number32, sequence, item } = createDataSetBuilder(syntax);
  const { object, fault } = encodeJson(
    Buffer.concat([
      element(0x00080000, 'UL', number32(4)),
      element(0x00080005, 'CS', 'ISO_IR 100'),
      element(0x00080008, 'CS', 'ORIGINAL\\PRIMARY\\\\AXIAL'),
      element(0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.2'),
      element(NAME, 'PN', Buffer.from('M\xfcller^J\xfcrgen ', 'latin1')),
      element(0x00181030, 'LO', ''),
      element(0x00205000, 'AT', Buffer.concat([number16(0x0018), number16(0x9074)])),
      element(0x00280010, 'US', number16(512)),
      element(0x00280030, 'DS', '0.50\\1e-2 '),
      element(0x00280103, 'US', number16(1)),
      element(0x00280106, 'SS', number16(0xfffe)),
      element(0x00281201, 'OW', Buffer.concat([number16(1), number16(0x1234)])),
      element(0x00400009, 'SH', 'a"b/c\td'),
      sequence(0x00400275, [item([element(0x00400007, 'LO', 'Thorax')]), item([], true)], true),
      sequence(0x00400555, [item([element(0x0040a123, 'PN', 'A^B')], true)]),
      sequence(0x0040a730, []),
      element(PIXELS, 'OW', Buffer.alloc(8)),
    ]),
    syntax,
  );

  it('gives the attributes as they are, Group Length left out', () => {
    expect(fault).toBeUndefined();
    expect(object).toEqual({
      '00080005': { vr: 'CS', Value: ['ISO_IR 100'] },
      '00080008': { vr: 'CS', Value: ['ORIGINAL', 'PRIMARY', null, 'AXIAL'] },
      '00080016': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.2'] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Müller^Jürgen' }] },
      '00181030': { vr: 'LO' },
      '00205000': { vr: 'AT', Value: ['00189074'] },
      '00280010': { vr: 'US', Value: [512] },
      '00280030': { vr: 'DS', Value: [0.5, 0.01] },
      '00280103': { vr: 'US', Value: [1] },
      '00280106': { vr: 'SS', Value: [-2] },
      '00281201': { vr: 'OW', InlineBinary: Buffer.from([1, 0, 0x34, 0x12]).toString('base64') },
      '00400009': { vr: 'SH', Value: ['a"b/c\td'] },
      '00400275': { vr: 'SQ', Value: [{ '00400007': { vr: 'LO', Value: ['Thorax'] } }, {}] },
      '00400555': { vr: 'SQ', Value: [{ '0040A123': { vr: 'PN', Value: [{ Alphabetic: 'A^B' }] } }] },
      '0040A730': { vr: 'SQ' },
      '7FE00010': { vr: 'OW', BulkDataURI: '7FE00010' },
    });
  });
});

describe('values', () => {
  it('keeps the digits of decimal strings, and as strings what is no number', () => {
    const { text, object } = encode(
      build.element(0x00180050, 'DS', '1.500'),
      build.element(0x00181151, 'IS', '+0012 '),
      build.element(0x00281050, 'DS', '.5\\n/a\\+40'),
      build.element(0x00281051, 'DS', '1e999'),
    );
    expect(text).toContain('"Value":[1.500]');
    expect(object['00181151']?.Value).toEqual([12]);
    expect(object['00281050']?.Value).toEqual([0.5, 'n/a', 40]);
    expect(object['00281051']?.Value).toEqual(['1e999']);
  });

  it('has null for numbers that JSON has not', () => {
    const value = Buffer.alloc(16);
    value.writeDoubleLE(Number.NaN, 0);
    value.writeDoubleLE(0.1, 8);
    expect(encode(build.element(0x00189073, 'FD', value)).object['00189073']?.Value).toEqual([null, 0.1]);
  });

  it('gives 64-bit integers as numbers where they are exact, else as strings', () => {
    const value = Buffer.alloc(16);
    value.writeBigUInt64LE(2n ** 40n, 0);
    value.writeBigUInt64LE(2n ** 64n - 1n, 8);
    expect(encode(build.element(0x7fe00001, 'UV', value)).object['7FE00001']?.Value).toEqual([
      2 ** 40,
      '18446744073709551615',
    ]);
  });

  it('does not split texts that may hold backslashes', () => {
    expect(encode(build.element(0x00204000, 'LT', ' a\\b\r\nc  ')).object['00204000']?.Value).toEqual([
      ' a\\b\r\nc',
    ]);
  });

  it('decodes names in code extensions, each component group apart', () => {
    const { object } = encode(
      build.element(0x00080005, 'CS', '\\ISO 2022 IR 87'),
      build.element(
        NAME,
        'PN',
        Buffer.from(
          'Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B',
          'latin1',
        ),
      ),
    );
    expect(object['00100010']?.Value).toEqual([
      { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' },
    ]);
    expect(object['00080005']?.Value).toEqual([null, 'ISO 2022 IR 87']);
  });

  it('reads items in their own character set and goes on in the outer one', () => {
    const greek = build.item([
      build.element(0x00080005, 'CS', 'ISO_IR 126'),
      build.element(0x0040a123, 'PN', Buffer.from([0xc4, 0xe9])),
    ]);
    const { object } = encode(
      build.element(0x00080005, 'CS', 'ISO_IR 192'),
      build.sequence(0x0040a073, [greek, build.item([build.element(0x0040a123, 'PN', Buffer.from('Ä'))])]),
      build.element(0x0040a160, 'UT', Buffer.from('Ö')),
    );
    expect(object['0040A073']?.Value).toMatchObject([
      { '0040A123': { Value: [{ Alphabetic: 'Δι' }] } },
      { '0040A123': { Value: [{ Alphabetic: 'Ä' }] } },
    ]);
    expect(object['0040A160']?.Value).toEqual(['Ö']);
  });
});

describe('bulk data', () => {
  it('refers to large values by their path, within sequences too', () => {
    const long = Buffer.alloc(MAX_INLINE_BYTES + 2, 1);
    const icon = build.sequence(0x00880200, [
      build.item([]),
      build.item([build.element(PIXELS, 'OB', long)]),
    ]);
    const { object } = encode(
      build.element(0x00091010, 'OB', long.subarray(2)),
      icon,
      build.element(0x54001010, 'OW', long),
    );
    expect(object['00091010']).toEqual({ vr: 'OB', InlineBinary: long.subarray(2).toString('base64') });
    expect(object['00880200']?.Value).toEqual([
      {},
      { '7FE00010': { vr: 'OB', BulkDataURI: '00880200/2/7FE00010' } },
    ]);
    expect(object['54001010']).toEqual({ vr: 'OW', BulkDataURI: '54001010' });
  });

  it('refers to encapsulated Pixel Data and reads on behind it', () => {
    const bytes = Buffer.concat([
      build.element(0x00280010, 'US', build.number16(8)),
      build.fragments([Buffer.alloc(0), Buffer.alloc(100_000), Buffer.alloc(2)]),
      build.element(0xfffcfffc, 'OB', Buffer.alloc(4)),
    ]);
    const { object, fault } = encodeJson(bytes, JPEG);
    expect(fault).toBeUndefined();
    expect(object['7FE00010']).toEqual({ vr: 'OB', BulkDataURI: '7FE00010' });
    expect(object.FFFCFFFC).toEqual({ vr: 'OB', InlineBinary: 'AAAAAA==' });
  });
});

describe('elements whose VR is not told', () => {
  const implicit = createDataSetBuilder(IMPLICIT);

  it('leaves private ones unknown, but for their creators', () => {
    const { object } = encodeJson(
      Buffer.concat([
        implicit.element(0x00090010, 'LO', 'ACME 1.1'),
        implicit.element(0x00091001, 'US', implicit.number16(3)),
        implicit.sequence(0x00091002, [implicit.item([implicit.element(0x00091003, 'LO', 'ab')])], true),
      ]),
      IMPLICIT,
    );
    expect(object).toEqual({
      '00090010': { vr: 'LO', Value: ['ACME 1.1'] },
      '00091001': { vr: 'UN', InlineBinary: 'AwA=' },
      '00091002': { vr: 'SQ', Value: [{ '00091003': { vr: 'UN', InlineBinary: 'YWI=' } }] },
    });
  });

  it('takes standard ones that came as UN for what they are, sequences too', () => {
    const items = [implicit.item([implicit.element(0x00080104, 'LO', 'Chest')])];
    const { object } = encode(
      build.element(0x00081030, 'UN', 'Thorax'),
      build.element(0x00081032, 'UN', Buffer.concat(items)),
      build.element(0x00081111, 'UN', Buffer.from('no items')),
      build.element(0x00280010, 'UN', Buffer.from([1, 2, 3, 4, 5])),
    );
    expect(object).toEqual({
      '00081030': { vr: 'LO', Value: ['Thorax'] },
      '00081032': { vr: 'SQ', Value: [{ '00080104': { vr: 'LO', Value: ['Chest'] } }] },
      '00081111': { vr: 'UN', InlineBinary: Buffer.from('no items').toString('base64') },
      '00280010': { vr: 'UN', InlineBinary: 'AQIDBAU=' },
    });
  });
});

describe('what is wrong', () => {
  it('sorts attributes that are out of order, and takes the first of repeated ones', () => {
    const inner = build.item([build.element(0x00080104, 'LO', 'b'), build.element(0x00080100, 'SH', 'a')]);
    const { text } = encode(
      build.element(0x20010010, 'LO', 'private'),
      build.sequence(0x00081032, [inner]),
      build.element(NAME, 'PN', 'First'),
      build.element(NAME, 'PN', 'Second'),
      build.sequence(0x00081032, [build.item([build.element(0x00080100, 'SH', 'other')])]),
    );
    expect(text).toBe(
      '{"00081032":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["a"]},"00080104":{"vr":"LO","Value":["b"]}}]},' +
        '"00100010":{"vr":"PN","Value":[{"Alphabetic":"First"}]},"20010010":{"vr":"LO","Value":["private"]}}',
    );
  });

  it('gives what stands before the bytes break off, and the pixels that there are', () => {
    const whole = Buffer.concat([
      build.element(NAME, 'PN', 'A^B'),
      build.sequence(0x00400275, [build.item([build.element(0x00400007, 'LO', 'Thorax')], true)], true),
      build.element(PIXELS, 'OW', Buffer.alloc(100)),
    ]);
    const cut = encodeJson(whole.subarray(0, whole.length - 50), EXPLICIT);
    expect(cut.fault).toContain('(7fe0,0010)');
    expect(Object.keys(cut.object)).toEqual(['00100010', '00400275', '7FE00010']);
    const inItem = encodeJson(whole.subarray(0, 34), EXPLICIT);
    expect(inItem.object).toEqual({
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'A^B' }] },
      '00400275': { vr: 'SQ', Value: [{}] },
    });
  });

  it('puts in what is known from elsewhere where it is missing', () => {
    const known = [
      [0x00080018, '{"vr":"UI","Value":["1.2.3"]}'],
      [0x0020000d, '{"vr":"UI","Value":["1.2"]}'],
      [0x00200013, '{"vr":"IS","Value":[7]}'],
    ] as const;
    const bytes = Buffer.concat([
      build.element(0x00080060, 'CS', 'CT'),
      build.element(0x0020000d, 'UI', '9.9.9.9'),
    ]);
    expect(encodeJson(bytes, EXPLICIT, { known }).text).toBe(
      '{"00080018":{"vr":"UI","Value":["1.2.3"]},"00080060":{"vr":"CS","Value":["CT"]},' +
        '"0020000D":{"vr":"UI","Value":["9.9.9.9"]},"00200013":{"vr":"IS","Value":[7]}}',
    );
    expect(Object.keys(encodeJson(Buffer.from('rubbish'), EXPLICIT, { known }).object)).toHaveLength(3);
  });

  it('writes JSON whatever the bytes are', () => {
    const start = Buffer.concat([
      build.element(NAME, 'PN', 'A^B'),
      build.sequence(0x00400275, [build.item([build.element(0x00400007, 'LO', 'Thorax')])]),
    ]);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(start.length),
        fc.boolean(),
        (noise, at, isExplicit) => {
          const bytes = Buffer.concat([start.subarray(0, at), noise, start.subarray(at)]);
          encodeJson(bytes, isExplicit ? EXPLICIT : IMPLICIT);
        },
      ),
    );
  });
});
