import fc from 'fast-check';
import { expect, it } from 'vitest';

import { manifestText } from './manifest-text.ts';
import type { ManifestSop } from './manifest.ts';

const few = fc.constantFrom(1, 2, 512);
const sop: fc.Arbitrary<ManifestSop> = fc.record(
  {
    sopInstanceUID: fc.array(few, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.')),
    sopClassUID: fc.constantFrom('1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.5.1.4.1.1.88.11'),
    rows: few,
    columns: few,
    bitsAllocated: few,
    photometricInterpretation: fc.constantFrom('MONOCHROME2', 'RGB', 'a "quoted" \\ one'),
    samplesPerPixel: few,
    bitsStored: few,
    highBit: few,
    pixelRepresentation: few,
    rescaleIntercept: fc.constantFrom(-1024, -0, 1e-7, 0.1),
    rescaleSlope: fc.constantFrom(1, 1e21),
    instanceNumber: fc.integer(),
    numberOfFrames: few,
    isFloatPixelData: fc.boolean(),
    isDoubleFloatPixelData: fc.boolean(),
  },
  { requiredKeys: ['sopInstanceUID', 'sopClassUID'] },
);

it('says what JSON.stringify says, whatever slices have in common', () => {
  const series = fc.record({
    seriesInstanceUID: fc.constant('1.2.3'),
    modality: fc.string(),
    seriesDescription: fc.string({ unit: 'grapheme' }),
    seriesNumber: fc.integer(),
    // Neighbours that are alike, as in a real series, and others.
    sops: fc.array(fc.tuple(sop, fc.integer({ min: 1, max: 4 })), { maxLength: 8 }).map((runs) =>
      runs.flatMap(([model, length]) =>
        Array.from({ length }, (_, at) => ({
          ...model,
          sopInstanceUID: `1.${at}`,
          instanceNumber: at - 1,
        })),
      ),
    ),
  });
  fc.assert(
    fc.property(fc.string(), fc.array(series, { maxLength: 4 }), (studyInstanceUID, all) => {
      const manifest = { studyInstanceUID, series: all };
      expect(JSON.parse(manifestText(manifest))).toEqual(JSON.parse(JSON.stringify(manifest)));
    }),
  );
});

it('takes no two slices for alike that differ in one attribute', () => {
  const one: Required<ManifestSop> = {
    sopInstanceUID: '1.1',
    sopClassUID: '1.2.840.10008.5.1.4.1.1.2',
    rows: 512,
    columns: 512,
    bitsAllocated: 16,
    photometricInterpretation: 'MONOCHROME2',
    samplesPerPixel: 1,
    bitsStored: 12,
    highBit: 11,
    pixelRepresentation: 0,
    rescaleIntercept: -1024,
    rescaleSlope: 1,
    instanceNumber: 1,
    numberOfFrames: 1,
    isFloatPixelData: false,
    isDoubleFloatPixelData: false,
  };
  for (const [name, value] of Object.entries(one)) {
    const changed =
      typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : `${value}.9`;
    const sops = [one, { ...one, [name]: changed }];
    const manifest = {
      studyInstanceUID: '1',
      series: [{ seriesInstanceUID: '1.2', modality: 'CT', seriesDescription: '', seriesNumber: 1, sops }],
    };
    expect(JSON.parse(manifestText(manifest)), name).toEqual(JSON.parse(JSON.stringify(manifest)));
  }
});
