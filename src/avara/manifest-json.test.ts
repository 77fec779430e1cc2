import { expect, it } from 'vitest';

import { uid } from '../dicom/uid.ts';
import { manifestJson } from './manifest-json.ts';
import { buildManifest } from './manifest.ts';

const CT = uid('1.2.840.10008.5.1.4.1.1.2');
const SLICE = {
  rows: 512,
  columns: 512,
  bitsAllocated: 16,
  bitsStored: 12,
  highBit: 11,
  pixelRepresentation: 0,
  samplesPerPixel: 1,
  photometricInterpretation: 'MONOCHROME2',
  rescaleIntercept: -1024,
  rescaleSlope: 1,
  pixelData: 'integer',
} as const;

it('gives UID, number and what slices share, byte for byte', () => {
  const manifest = buildManifest('1.2.3', [
    {
      seriesInstanceUid: uid('1.2.3.4'),
      attributes: { Modality: 'CT', SeriesNumber: '2', SeriesDescription: 'Schädel "axial" 頭\\' },
      instances: 4,
      runs: [
        {
          sopClassUid: CT,
          image: SLICE,
          sopInstanceUids: [uid('1.2.3.4.1'), uid('1.2.3.4.2')],
          instanceNumbers: [1, -2],
        },
        {
          sopClassUid: CT,
          image: { ...SLICE, rescaleSlope: 0.5, photometricInterpretation: '"“$&' },
          sopInstanceUids: [uid('1.2.3.4.3'), uid('1.2.3.4.4')],
          instanceNumbers: [undefined, 1.5],
        },
      ],
    },
    {
      seriesInstanceUid: uid('1.2.3.5'),
      attributes: { Modality: 'SR' },
      instances: 1,
      runs: [
        {
          sopClassUid: uid('1.2.840.10008.5.1.4.1.1.88.11'),
          image: {},
          sopInstanceUids: [uid('1.2.3.5.1')],
          instanceNumbers: [1],
        },
      ],
    },
  ]);
  const slice = (own: string, photometric: string, slope: string) =>
    `{${own},"sopClassUID":"1.2.840.10008.5.1.4.1.1.2","rows":512,"columns":512,"bitsAllocated":16,` +
    `"photometricInterpretation":"${photometric}","samplesPerPixel":1,"bitsStored":12,"highBit":11,` +
    `"pixelRepresentation":0,"rescaleIntercept":-1024,"rescaleSlope":${slope}}`;
  expect(manifest && manifestJson(manifest).toString()).toBe(
    '{"studyInstanceUID":"1.2.3","series":[' +
      '{"seriesInstanceUID":"1.2.3.4","modality":"CT","seriesDescription":"Schädel \\"axial\\" 頭\\\\","seriesNumber":2,"sops":[' +
      [
        slice('"sopInstanceUID":"1.2.3.4.1","instanceNumber":1', 'MONOCHROME2', '1'),
        slice('"sopInstanceUID":"1.2.3.4.2","instanceNumber":-2', 'MONOCHROME2', '1'),
        slice('"sopInstanceUID":"1.2.3.4.3"', '\\"“$&', '0.5'),
        slice('"sopInstanceUID":"1.2.3.4.4"', '\\"“$&', '0.5'),
      ].join(',') +
      ']},{"seriesInstanceUID":"1.2.3.5","modality":"SR","seriesDescription":"SR series 0","seriesNumber":0,"sops":[' +
      '{"sopInstanceUID":"1.2.3.5.1","sopClassUID":"1.2.840.10008.5.1.4.1.1.88.11"}]}]}',
  );
});
