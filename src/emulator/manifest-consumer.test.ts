import { describe, expect, it } from 'vitest';
import { consumeManifest } from './manifest-consumer.ts';

const STUDY = '1.2.3';
const CT = '1.2.840.10008.5.1.4.1.1.2';
const image = {
  sopInstanceUID: '1.2.3.1.1',
  sopClassUID: CT,
  rows: 512,
  columns: 512,
  bitsAllocated: 16,
  samplesPerPixel: 1,
  photometricInterpretation: 'MONOCHROME2',
  instanceNumber: 1,
};
const series = {
  seriesInstanceUID: '1.2.3.1',
  modality: 'CT',
  seriesDescription: 'Axial',
  seriesNumber: 2,
  sops: [image],
};
const manifestWith = (...sops: unknown[]) => ({ studyInstanceUID: STUDY, series: [{ ...series, sops }] });

describe('consumeManifest', () => {
  it('uses a manifest that is in order', () => {
    expect(consumeManifest(manifestWith(image), STUDY)).toEqual({
      isUsed: true,
      series: [{ seriesInstanceUid: '1.2.3.1', sopInstanceUids: ['1.2.3.1.1'] }],
      dropped: [],
      notes: [],
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['rows as text', { rows: '512' }],
    ['zero columns', { columns: 0 }],
    ['12 bits allocated', { bitsAllocated: 12 }],
    ['4 samples', { samplesPerPixel: 4 }],
    ['no photometric interpretation', { photometricInterpretation: undefined }],
    ['a null photometric interpretation', { photometricInterpretation: null }],
    ['a rescale slope as text', { rescaleSlope: '1.0' }],
    ['a float flag as text', { isFloatPixelData: 'true' }],
    ['an empty UID', { sopInstanceUID: '' }],
    ['no class', { sopClassUID: undefined }],
  ])('drops a SOP with %s and keeps its siblings', (_, change) => {
    const report = consumeManifest(
      manifestWith({ ...image, ...change }, { ...image, sopInstanceUID: '9' }),
      STUDY,
    );
    expect(report.series).toEqual([{ seriesInstanceUid: '1.2.3.1', sopInstanceUids: ['9'] }]);
    expect(report.dropped).toMatchObject([{ level: 'sop' }]);
  });

  it('wants identity alone of SR, KO and PR, and any depth of float pixels', () => {
    const identity = (suffix: string) => ({
      sopInstanceUID: suffix,
      sopClassUID: `1.2.840.10008.5.1.4.1.1.${suffix}`,
    });
    const float = { ...image, sopInstanceUID: '8', bitsAllocated: 64, isDoubleFloatPixelData: true };
    const report = consumeManifest(
      manifestWith(identity('88.11'), identity('88.59'), identity('11.1'), float),
      STUDY,
    );
    expect(report.dropped).toEqual([]);
    expect(report.series[0]?.sopInstanceUids).toHaveLength(4);
  });

  it('drops a series that has no SOP left or no description', () => {
    const manifest = {
      studyInstanceUID: STUDY,
      series: [{ ...series, sops: [] }, { ...series, seriesDescription: '' }, series],
    };
    const report = consumeManifest(manifest, STUDY);
    expect(report.isUsed).toBe(true);
    expect(report.series).toHaveLength(1);
    expect(report.dropped.map(({ level }) => level)).toEqual(['series', 'series']);
  });

  it.each<[string, unknown]>([
    ['another study', { ...manifestWith(image), studyInstanceUID: '1.2.4' }],
    ['no series', { studyInstanceUID: STUDY, series: [] }],
    ['no object', 'manifest'],
    ['the other spelling', { studyInstanceUid: STUDY, series: [series] }],
  ])('ignores a manifest of %s', (_, manifest) => {
    const report = consumeManifest(manifest, STUDY);
    expect(report.isUsed).toBe(false);
    expect(report.dropped.at(-1)?.level).toBe('manifest');
  });

  it('notes what is of no use', () => {
    const secondaryCapture = { ...image, sopClassUID: '1.2.840.10008.5.1.4.1.1.7', colour: 1 };
    const report = consumeManifest(manifestWith(image, secondaryCapture), STUDY);
    expect(report.dropped).toEqual([]);
    expect(report.notes).toHaveLength(3);
  });
});
