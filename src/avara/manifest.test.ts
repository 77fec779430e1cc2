import { describe, expect, it } from 'vitest';
import type { ImageAttributes, SeriesAttributes } from '../core/study/header.ts';
import { uid } from '../dicom/uid.ts';
import { manifestJson } from './manifest-json.ts';
import { buildManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';

const STORAGE = '1.2.840.10008.5.1.4.1.1.';
const CT = `${STORAGE}2`;
const IMAGE = {
  rows: 512,
  columns: 256,
  bitsAllocated: 16,
  bitsStored: 12,
  highBit: 11,
  pixelRepresentation: 0,
  samplesPerPixel: 1,
  photometricInterpretation: 'MONOCHROME2',
  instanceNumber: 7,
  numberOfFrames: 1,
  rescaleIntercept: -1024,
  rescaleSlope: 1,
  pixelData: 'integer',
} as const satisfies ImageAttributes;

type Sop = readonly [seriesUid: string, sopUid: string, image?: ImageAttributes, sopClass?: string];

/** What the index says of a series with these instances. */
function series(id: string, sops: readonly Sop[], attributes: SeriesAttributes = { Modality: 'CT' }) {
  const runs = sops
    .filter(([seriesUid]) => seriesUid === id)
    .map(([, sop, { instanceNumber, ...image } = IMAGE, sopClass = CT]) => ({
      sopClassUid: uid(sopClass),
      image,
      sopInstanceUids: [uid(sop)],
      instanceNumbers: [instanceNumber],
    }));
  return { seriesInstanceUid: uid(id), attributes, instances: runs.length, runs };
}

interface ManifestObject {
  readonly studyInstanceUID: string;
  readonly series: readonly { readonly sops: readonly { readonly sopInstanceUID: string }[] }[];
}

/** As the viewer reads it. */
function read(manifest: Manifest | undefined): ManifestObject | undefined {
  return manifest && (JSON.parse(manifestJson(manifest).toString()) as ManifestObject);
}

function manifestOf(image: ImageAttributes, sopClass = CT, attributes?: SeriesAttributes) {
  return read(buildManifest('1.2.3', [series('1.2.3.1', [['1.2.3.1', '9.1', image, sopClass]], attributes)]));
}

function without(name: keyof typeof IMAGE): ImageAttributes {
  return Object.fromEntries(Object.entries(IMAGE).filter(([member]) => member !== name));
}

describe('buildManifest', () => {
  it('describes images with all that the viewer can use', () => {
    const attributes = { Modality: 'CT', SeriesDescription: 'Axial 1.0', SeriesNumber: '2' };
    const members = without('pixelData');
    expect(manifestOf(IMAGE, CT, attributes)).toEqual({
      studyInstanceUID: '1.2.3',
      series: [
        {
          seriesInstanceUID: '1.2.3.1',
          modality: 'CT',
          seriesDescription: 'Axial 1.0',
          seriesNumber: 2,
          sops: [{ sopInstanceUID: '9.1', sopClassUID: CT, ...members }],
        },
      ],
    });
  });

  it('keeps the order of series and instances', () => {
    const sops: Sop[] = [
      ['1.2.3.1', '9.1'],
      ['1.2.3.2', '9.2'],
      ['1.2.3.1', '9.3'],
    ];
    const manifest = read(buildManifest('1.2.3', [series('1.2.3.2', sops), series('1.2.3.1', sops)]));
    const order = manifest?.series.map((one) => one.sops.map(({ sopInstanceUID }) => sopInstanceUID));
    expect(order).toEqual([['9.2'], ['9.1', '9.3']]);
  });

  it.each([
    ['rows', without('rows')],
    ['columns', without('columns')],
    ['bitsAllocated', without('bitsAllocated')],
    ['photometricInterpretation', without('photometricInterpretation')],
    ['samplesPerPixel', without('samplesPerPixel')],
    ['rows of 0', { ...IMAGE, rows: 0 }],
    ['1 bit', { ...IMAGE, bitsAllocated: 1 }],
    ['64 bits that are no float', { ...IMAGE, bitsAllocated: 64 }],
    ['4 samples', { ...IMAGE, samplesPerPixel: 4 }],
    ['an empty photometric interpretation', { ...IMAGE, photometricInterpretation: '' }],
  ])('leaves out an image with wrong or missing %s', (_, image) => {
    expect(manifestOf(image)).toBeUndefined();
  });

  it.each([
    ['bitsStored', { bitsStored: 0 }],
    ['highBit', { highBit: -1 }],
    ['pixelRepresentation', { pixelRepresentation: 2 }],
    ['rescaleSlope', { rescaleSlope: Number.NaN }],
    ['instanceNumber', { instanceNumber: 1.5 }],
    ['numberOfFrames', { numberOfFrames: 0 }],
  ] as const)('leaves out %s alone where it is wrong', (name, wrong) => {
    const sop = manifestOf({ ...IMAGE, ...wrong })?.series[0]?.sops[0];
    expect(sop).toMatchObject({ rows: 512 });
    expect(sop).not.toHaveProperty(name);
  });

  it.each([
    ['float', 32, { isFloatPixelData: true }],
    ['double-float', 64, { isDoubleFloatPixelData: true }],
  ] as const)('says that pixels are %s', (pixelData, bitsAllocated, flag) => {
    expect(manifestOf({ ...IMAGE, pixelData, bitsAllocated })?.series[0]?.sops[0]).toMatchObject(flag);
  });

  it.each([
    ['Basic Text SR', '88.11'],
    ['Key Object Selection', '88.59'],
    ['Grayscale Softcopy Presentation State', '11.1'],
  ])('gives the identity of a %s', (_, suffix) => {
    const sopClassUID = STORAGE + suffix;
    expect(manifestOf({}, sopClassUID, { Modality: 'SR' })?.series[0]?.sops).toEqual([
      { sopInstanceUID: '9.1', sopClassUID },
    ]);
  });

  it.each(['7', '7.4', '2.1', '2.2', '4.1', '4.4', '12.1.1', '128.1', '130'])(
    'leaves out class %s, which gains nothing',
    (suffix) => {
      expect(manifestOf(IMAGE, STORAGE + suffix)).toBeUndefined();
    },
  );

  it('leaves out what is no image, a series without any, and one without a modality', () => {
    expect(manifestOf({}, `${STORAGE}104.1`)).toBeUndefined();
    expect(buildManifest('1.2.3', [series('1.2.3.1', [])])).toBeUndefined();
    expect(manifestOf(IMAGE, CT, {})).toBeUndefined();
  });

  it.each<[SeriesAttributes, object]>([
    [
      { Modality: 'MR', ProtocolName: 'T2' },
      { seriesDescription: 'T2', seriesNumber: 0 },
    ],
    [
      { Modality: 'MR', SeriesNumber: '3' },
      { seriesDescription: 'MR series 3', seriesNumber: 3 },
    ],
    [
      { Modality: 'MR', SeriesNumber: 'x' },
      { seriesDescription: 'MR series 0', seriesNumber: 0 },
    ],
    [{ Modality: 'MR', SeriesNumber: ' +12 ' }, { seriesNumber: 12 }],
  ])('falls back from %o to %o', (attributes, expected) => {
    expect(manifestOf(IMAGE, CT, attributes)?.series[0]).toMatchObject(expected);
  });
});
