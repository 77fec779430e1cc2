import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';

import { readElementTree } from '../data-set/element-tree.ts';
import { header } from '../data-set/explicit-little-endian.ts';
import { DISPLAY_ELEMENTS, DISPLAY_SEQUENCES, readDisplayAttributes } from './display-attributes.ts';
import type { DisplayAttributes } from './display-attributes.ts';
import { expandSegments } from './palette.ts';
import { NotRenderableError, renderFrame } from './render-frame.ts';
import type { SampleDescription } from './stored-frame.ts';
import { applyWindow, isWindowUsable } from './window.ts';

const EXPLICIT = { explicitVr: true, littleEndian: true };
const PLAIN: DisplayAttributes = {
  modality: { kind: 'rescale', slope: 1, intercept: 0 },
  isInverse: false,
  pixelAspect: 1,
};

function description(fields: Partial<SampleDescription> = {}): SampleDescription {
  const bitsAllocated = fields.bitsAllocated ?? 16;
  const bitsStored = fields.bitsStored ?? bitsAllocated;
  return {
    rows: 1,
    columns: 4,
    samplesPerPixel: 1,
    photometricInterpretation: 'MONOCHROME2',
    planarConfiguration: 0,
    bitsAllocated,
    bitsStored,
    highBit: bitsStored - 1,
    pixelRepresentation: 0,
    kind: 'integer',
    ...fields,
  };
}

function shorts(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => bytes.writeUInt16LE(value & 0xffff, index * 2));
  return bytes;
}

function gray(
  bytes: Uint8Array,
  fields: Partial<SampleDescription> = {},
  attributes: Partial<DisplayAttributes> = {},
): number[] {
  return [...renderFrame({ bytes, description: description(fields) }, { ...PLAIN, ...attributes }).samples];
}

describe('windows, with the examples of PS3.3 C.11.2.1.2', () => {
  const at = (center: number, width: number, name: 'LINEAR' | 'LINEAR_EXACT', value: number) =>
    applyWindow({ center, width, function: name }, value) * 255;

  test('LINEAR of center 2048 and width 4096 spans 0 to 4095', () => {
    expect(at(2048, 4096, 'LINEAR', 0)).toBe(0);
    expect(at(2048, 4096, 'LINEAR', 4095)).toBe(255);
    expect(at(2048, 4096, 'LINEAR', 2048)).toBeCloseTo(127.53, 2);
  });

  test('LINEAR of width 1 is a threshold', () => {
    expect(at(2048, 1, 'LINEAR', 2047)).toBe(0);
    expect(at(2048, 1, 'LINEAR', 2048)).toBe(255);
  });

  test('LINEAR_EXACT of center 2048 and width 4096 spans 0 to 4096', () => {
    expect(at(2048, 4096, 'LINEAR_EXACT', 0)).toBe(0);
    expect(at(2048, 4096, 'LINEAR_EXACT', 4096)).toBe(255);
    expect(at(0, 0.5, 'LINEAR_EXACT', 0)).toBe(127.5);
  });

  test('SIGMOID is half way at its center and never falls', () => {
    const sigmoid = { center: 100, width: 50, function: 'SIGMOID' } as const;
    expect(applyWindow(sigmoid, 100)).toBe(0.5);
    expect(applyWindow(sigmoid, 150)).toBeCloseTo(1 / (1 + Math.exp(-4)), 10);
    expect(applyWindow(sigmoid, 1e9)).toBe(1);
  });

  test.each([
    [1, 'LINEAR', true],
    [0.9, 'LINEAR', false],
    [0.9, 'LINEAR_EXACT', true],
    [0, 'SIGMOID', false],
    [NaN, 'LINEAR', false],
  ] as const)('a width of %d for %s is usable: %s', (width, name, usable) => {
    expect(isWindowUsable({ center: 0, width, function: name })).toBe(usable);
  });
});

describe('grey images', () => {
  test('span black to white where nothing is said', () => {
    expect(gray(shorts(100, 200, 300, 400))).toEqual([0, 85, 170, 255]);
  });

  test('one value only is grey, not black', () => {
    expect(gray(shorts(7, 7, 7, 7))).toEqual([128, 128, 128, 128]);
  });

  test('negative values are below positive ones', () => {
    expect(gray(shorts(-100, -50, 0, 50), { pixelRepresentation: 1 })).toEqual([0, 85, 170, 255]);
  });

  test('bits above the stored ones, such as an overlay, do not show', () => {
    const stored = { bitsStored: 12 };
    expect(gray(shorts(0xf000, 0x8555, 0x0aaa, 0x1fff), stored)).toEqual([0, 85, 170, 255]);
    expect(gray(shorts(-4, 0x1000 - 4, 0, 4), { ...stored, pixelRepresentation: 1 })).toEqual([
      0, 0, 128, 255,
    ]);
  });

  test('stored bits need not begin at the lowest', () => {
    expect(gray(shorts(0x000f, 0x0555 << 4, 0x0aaa << 4, 0xffff), { bitsStored: 12, highBit: 15 })).toEqual([
      0, 85, 170, 255,
    ]);
  });

  test('MONOCHROME1 and the shape INVERSE turn black and white around', () => {
    expect(gray(shorts(0, 1, 2, 3), {}, { isInverse: true })).toEqual([255, 170, 85, 0]);
  });

  test('padding does not widen the span, and is black whatever is inverted', () => {
    const padding = { from: 60000, to: 60001 };
    expect(gray(shorts(60000, 60001, 10, 20), {}, { padding })).toEqual([0, 0, 0, 255]);
    expect(gray(shorts(60000, 60001, 10, 20), {}, { padding, isInverse: true })).toEqual([0, 0, 255, 0]);
  });

  test('a window applies to rescaled values', () => {
    const modality = { kind: 'rescale', slope: 2, intercept: -1000 } as const;
    const window = { center: 0.5, width: 101, function: 'LINEAR' } as const;
    expect(gray(shorts(0, 475, 500, 525), {}, { modality, window })).toEqual([0, 0, 128, 255]);
  });

  test('a modality table maps what is outside of it like its ends', () => {
    const table = { firstMapped: 10, entries: Uint16Array.of(0, 50, 100), bits: 16 };
    expect(gray(shorts(0, 10, 11, 99), {}, { modality: { kind: 'table', table } })).toEqual([0, 0, 128, 255]);
  });

  test('a VOI table gives greys of as many bits as it has', () => {
    const voiTable = { firstMapped: 0, entries: Uint16Array.of(0, 1023, 2046, 4095), bits: 12 };
    expect(gray(shorts(0, 1, 2, 3), {}, { voiTable })).toEqual([0, 64, 127, 255]);
  });

  test('one bit, 8, 32 bits and floating point', () => {
    expect(gray(Uint8Array.of(0b0101), { bitsAllocated: 1, bitsStored: 1 })).toEqual([255, 0, 255, 0]);
    expect(gray(Uint8Array.of(0, 1, 2, 3), { bitsAllocated: 8 })).toEqual([0, 85, 170, 255]);
    const wide = new Uint8Array(Uint32Array.of(0, 1e9, 2e9, 3e9).buffer);
    expect(gray(wide, { bitsAllocated: 32 })).toEqual([0, 85, 170, 255]);
    const real = new Uint8Array(Float32Array.of(-1, NaN, 0, 1).buffer);
    expect(gray(real, { bitsAllocated: 32, kind: 'float' })).toEqual([0, 0, 128, 255]);
    const precise = new Uint8Array(Float64Array.of(-1, Infinity, 0, 1).buffer);
    expect(gray(precise, { bitsAllocated: 64, kind: 'double-float' })).toEqual([0, 255, 128, 255]);
  });

  test('fewer bytes than pixels are no picture', () => {
    expect(() => gray(shorts(1, 2))).toThrow(RangeError);
  });
});

describe('colours', () => {
  const color = (
    photometricInterpretation: string,
    samples: readonly number[],
    fields: Partial<SampleDescription> = {},
  ): number[] => [
    ...renderFrame(
      {
        bytes: Uint8Array.from(samples),
        description: description({
          columns: 2,
          samplesPerPixel: 3,
          bitsAllocated: 8,
          photometricInterpretation,
          ...fields,
        }),
      },
      PLAIN,
    ).samples,
  ];

  test('RGB pixel by pixel and plane by plane', () => {
    expect(color('RGB', [1, 2, 3, 4, 5, 6])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(color('RGB', [1, 4, 2, 5, 3, 6], { planarConfiguration: 1 })).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('RGB of 16 bits by its upper ones', () => {
    const bytes = [...shorts(0, 0x8000, 0xffff, 0, 0, 0)];
    expect(color('RGB', bytes, { bitsAllocated: 16, bitsStored: 16 })).toEqual([0, 128, 255, 0, 0, 0]);
  });

  test('YBR_FULL: red, and grey', () => {
    expect(color('YBR_FULL', [76, 85, 255, 100, 128, 128])).toEqual([254, 0, 0, 100, 100, 100]);
  });

  test('YBR_FULL_422: two pixels share their chrominance', () => {
    expect(color('YBR_FULL_422', [76, 100, 128, 128])).toEqual([76, 76, 76, 100, 100, 100]);
    // With every chrominance sample there, although the name says otherwise.
    expect(color('YBR_FULL_422', [76, 128, 128, 100, 128, 128])).toEqual([76, 76, 76, 100, 100, 100]);
  });

  test('a palette, and an index past its end', () => {
    const palette = {
      firstMapped: 1,
      red: Uint8Array.of(255, 0),
      green: Uint8Array.of(0, 255),
      blue: Uint8Array.of(0, 9),
    };
    const picture = renderFrame(
      {
        bytes: Uint8Array.of(0, 1, 2, 200),
        description: description({ bitsAllocated: 8, photometricInterpretation: 'PALETTE COLOR' }),
      },
      { ...PLAIN, palette },
    );
    expect([...picture.samples]).toEqual([255, 0, 0, 255, 0, 0, 0, 255, 9, 0, 255, 9]);
  });

  test.each(['HSV', 'CMYK', 'XYB'])('%s is not guessed at', (name) => {
    expect(() => color(name, [1, 2, 3, 4, 5, 6])).toThrow(NotRenderableError);
  });

  test('a palette image without its palette is not shown as grey', () => {
    const frame = {
      bytes: Uint8Array.of(0, 1, 2, 3),
      description: description({ bitsAllocated: 8, photometricInterpretation: 'PALETTE COLOR' }),
    };
    expect(() => renderFrame(frame, PLAIN)).toThrow(NotRenderableError);
  });
});

describe('segmented palettes (PS3.3 C.7.9.2)', () => {
  test('discrete, linear and indirect segments', () => {
    const discrete = [0, 2, 10, 20];
    const linear = [1, 4, 60];
    // From the first segment on, two segments.
    const indirect = [2, 2, 0, 0];
    expect(expandSegments([...discrete, ...linear, ...indirect], 16, 12)).toEqual([
      10, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60,
    ]);
  });

  test.each([
    ['a line from nowhere', [1, 4, 60]],
    ['an unknown segment', [3, 1, 1]],
    ['too few entries', [0, 2, 10, 20]],
    ['a segment that refers to itself', [0, 1, 5, 2, 3, 6, 0]],
  ])('%s is no palette', (_name, words) => {
    expect(expandSegments(words, 16, 8)).toBeUndefined();
  });
});

describe('readDisplayAttributes', () => {
  const element = (tag: number, vr: string, text: string): Buffer => {
    const value = Buffer.from(text.length % 2 === 0 ? text : `${text} `, 'latin1');
    return Buffer.concat([header(tag, vr, value.length), value]);
  };
  const sequence = (tag: number, ...items: readonly Buffer[]): Buffer => {
    const body = Buffer.concat(
      items.flatMap((item) => {
        const start = Buffer.from('feff00e000000000', 'hex');
        start.writeUInt32LE(item.length, 4);
        return [start, item];
      }),
    );
    return Buffer.concat([header(tag, 'SQ', body.length), body]);
  };
  const window = (center: string, width: string): Buffer =>
    Buffer.concat([element(0x00281050, 'DS', center), element(0x00281051, 'DS', width)]);
  const read = (bytes: Buffer, frame = 1, photometricInterpretation = 'MONOCHROME2') =>
    readDisplayAttributes(
      readElementTree(bytes, {
        encoding: EXPLICIT,
        elements: DISPLAY_ELEMENTS,
        sequences: DISPLAY_SEQUENCES,
      }),
      { photometricInterpretation, pixelRepresentation: 0 },
      frame,
    );

  test('takes the first of several windows', () => {
    expect(read(window('40\\400', '80\\2000')).window).toEqual({ center: 40, width: 80, function: 'LINEAR' });
  });

  test('passes over a window that cannot be one', () => {
    expect(read(window('40', '0')).window).toBeUndefined();
    expect(read(window('soft', '80')).window).toBeUndefined();
  });

  test('takes of enhanced objects what is said of the frame, then what is said of all', () => {
    const voi = (center: string) => sequence(0x00289132, window(center, '10'));
    const rescale = sequence(
      0x00289145,
      Buffer.concat([element(0x00281052, 'DS', '-1024'), element(0x00281053, 'DS', '2')]),
    );
    const object = Buffer.concat([
      window('1', '10'),
      sequence(0x52009229, Buffer.concat([voi('2'), rescale])),
      sequence(0x52009230, Buffer.alloc(0), voi('3')),
    ]);
    expect(read(object, 1)).toMatchObject({
      window: { center: 2 },
      modality: { slope: 2, intercept: -1024 },
    });
    expect(read(object, 2)).toMatchObject({
      window: { center: 3 },
      modality: { slope: 2, intercept: -1024 },
    });
  });

  test('knows that pixels need not be square', () => {
    expect(read(element(0x00280034, 'IS', '4\\3')).pixelAspect).toBeCloseTo(4 / 3, 10);
    expect(read(element(0x00280030, 'DS', '0.5\\0.25')).pixelAspect).toBe(2);
    expect(read(element(0x00280030, 'DS', '0\\0')).pixelAspect).toBe(1);
  });

  test('inverts once, whichever way it is said', () => {
    const inverse = element(0x20500020, 'CS', 'INVERSE');
    expect(read(Buffer.alloc(0), 1, 'MONOCHROME1').isInverse).toBe(true);
    expect(read(inverse, 1, 'MONOCHROME1').isInverse).toBe(true);
    expect(read(inverse, 1, 'MONOCHROME2').isInverse).toBe(true);
    expect(read(Buffer.alloc(0), 1, 'MONOCHROME2').isInverse).toBe(false);
  });
});
