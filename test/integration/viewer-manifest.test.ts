import { describe, expect, it } from 'vitest';

import { manifestJson } from '../../src/avara/manifest-json.ts';
import { buildManifest } from '../../src/avara/manifest.ts';
import type { ImageAttributes } from '../../src/core/study/header.ts';
import { uid } from '../../src/dicom/uid.ts';
import { consumeManifest } from '../../src/emulator/manifest-consumer.ts';

const STORAGE = '1.2.840.10008.5.1.4.1.1.';
const GREY: ImageAttributes = {
  rows: 512,
  columns: 512,
  bitsAllocated: 16,
  bitsStored: 12,
  highBit: 11,
  pixelRepresentation: 0,
  samplesPerPixel: 1,
  photometricInterpretation: 'MONOCHROME2',
  instanceNumber: 1,
  pixelData: 'integer',
};
const COLOUR: ImageAttributes = {
  ...GREY,
  bitsAllocated: 8,
  bitsStored: 8,
  highBit: 7,
  samplesPerPixel: 3,
  photometricInterpretation: 'YBR_FULL_422',
};

/** Modality, end of the SOP Class UID, image. */
const SCROLLED: readonly (readonly [string, string, ImageAttributes])[] = [
  ['CT', '2', { ...GREY, rescaleIntercept: -1024, rescaleSlope: 1 }],
  ['MR', '4', GREY],
  ['CR', '1', { ...GREY, photometricInterpretation: 'MONOCHROME1' }],
  ['DX', '1.1', GREY],
  ['US', '6.1', COLOUR],
  ['US', '3.1', { ...COLOUR, numberOfFrames: 60 }],
  ['XA', '12.1', { ...GREY, bitsAllocated: 8, bitsStored: 8, highBit: 7, numberOfFrames: 30 }],
  ['PT', '128', { ...GREY, rescaleSlope: 2.5, rescaleIntercept: 0 }],
  ['SR', '88.11', {}],
  ['PR', '11.1', {}],
];
const LEFT_OUT: readonly (readonly [string, string, ImageAttributes])[] = [
  ['OT', '7', COLOUR],
  ['CT', '2.1', { ...GREY, numberOfFrames: 400 }],
  ['MR', '4.1', { ...GREY, numberOfFrames: 400 }],
  ['PT', '130', { ...GREY, numberOfFrames: 400 }],
];

function manifestOf(kinds: typeof SCROLLED): unknown {
  const manifest = buildManifest(
    '1.2.3',
    kinds.map(([Modality, sopClass, { instanceNumber, ...image }], at) => ({
      seriesInstanceUid: uid(`1.2.3.${at + 1}`),
      attributes: { Modality, SeriesNumber: String(at + 1) },
      instances: 1,
      runs: [
        {
          sopClassUid: uid(`${STORAGE}${sopClass}`),
          image,
          sopInstanceUids: [uid(`1.2.3.${at + 1}.1`)],
          instanceNumbers: [instanceNumber],
        },
      ],
    })),
  );
  return manifest && JSON.parse(manifestJson(manifest).toString());
}

describe('the manifest in the strict viewer', () => {
  it('survives whole, with nothing of no use in it', () => {
    const report = consumeManifest(manifestOf(SCROLLED), '1.2.3');
    expect(report).toMatchObject({ isUsed: true, dropped: [], notes: [] });
    expect(report.series).toHaveLength(SCROLLED.length);
  });

  it('has nothing of classes that gain nothing from it', () => {
    expect(manifestOf(LEFT_OUT)).toBeUndefined();
    const report = consumeManifest(manifestOf([...SCROLLED, ...LEFT_OUT]), '1.2.3');
    expect(report).toMatchObject({ dropped: [], notes: [] });
    expect(report.series).toHaveLength(SCROLLED.length);
  });
});
