import type { InstanceDescription, SeriesRecord } from '../core/study/study.ts';
import { parseIntegerString } from '../dicom/values/number.ts';
import { firstValue } from '../dicom/values/text.ts';
import { cleanLine, firstOf } from './mapping/text.ts';

/** Sidecar of an access answer that lets the viewer scroll series before it has parsed their files. */
export interface Manifest {
  readonly studyInstanceUID: string;
  readonly series: readonly ManifestSeries[];
}

export interface ManifestSeries {
  readonly seriesInstanceUID: string;
  readonly modality: string;
  readonly seriesDescription: string;
  readonly seriesNumber: number;
  readonly sops: readonly ManifestSop[];
}

/** Identity always; the members of an image all or none, but for those that Avara lets be missing. */
export interface ManifestSop {
  sopInstanceUID: string;
  sopClassUID: string;
  rows?: number;
  columns?: number;
  bitsAllocated?: number;
  photometricInterpretation?: string;
  samplesPerPixel?: number;
  bitsStored?: number;
  highBit?: number;
  pixelRepresentation?: number;
  rescaleIntercept?: number;
  rescaleSlope?: number;
  instanceNumber?: number;
  numberOfFrames?: number;
  isFloatPixelData?: boolean;
  isDoubleFloatPixelData?: boolean;
}

/** The instances of a series, in order. */
export interface SeriesContent {
  readonly seriesInstanceUid: string;
  /** Undefined where the index knows instances of a series, but not the series. */
  readonly series: SeriesRecord | undefined;
  readonly instances: InstanceDescription[];
}

const STORAGE_ROOT = '1.2.840.10008.5.1.4.1.1.';

/** Structured Reports with Key Object Selection (88) and Presentation States (11): Avara wants their identity only. */
const IDENTITY_ONLY_ROOTS = [`${STORAGE_ROOT}88.`, `${STORAGE_ROOT}11.`];

/**
 * Classes that gain nothing from a manifest: one file of theirs scrolls by itself (enhanced and multi-frame ones), or
 * they are no series to scroll through (Secondary Capture).
 */
const LEFT_OUT_CLASSES: ReadonlySet<string> = new Set(
  ['2.1', '2.2', '4.1', '4.3', '4.4', '6.2', '12.1.1', '12.2.1', '128.1', '130']
    .concat(['7', '7.1', '7.2', '7.3', '7.4'])
    .map((suffix) => STORAGE_ROOT + suffix),
);

/**
 * Sorts a study's instances under their series.
 * @param series in the order wanted.
 * @param instances in the order wanted within each series.
 */
export function groupBySeries(
  series: readonly SeriesRecord[],
  instances: readonly InstanceDescription[],
): readonly SeriesContent[] {
  const contents = new Map<string, SeriesContent>();
  for (const record of series) {
    const { seriesInstanceUid } = record;
    contents.set(seriesInstanceUid, { seriesInstanceUid, series: record, instances: [] });
  }
  for (const instance of instances) {
    const { seriesInstanceUid } = instance.key;
    let content = contents.get(seriesInstanceUid);
    if (content === undefined) {
      content = { seriesInstanceUid, series: undefined, instances: [] };
      contents.set(seriesInstanceUid, content);
    }
    content.instances.push(instance);
  }
  return [...contents.values()];
}

/**
 * Describes what Avara's viewer can use of a study. What cannot be described is left out; its files are in the
 * answer's `urls` all the same.
 * @returns undefined where nothing is left.
 */
export function buildManifest(
  studyInstanceUid: string,
  contents: readonly SeriesContent[],
): Manifest | undefined {
  const series: ManifestSeries[] = [];
  for (const content of contents) {
    const described = describeSeries(content);
    if (described !== undefined) series.push(described);
  }
  return series.length === 0 ? undefined : { studyInstanceUID: studyInstanceUid, series };
}

function describeSeries(content: SeriesContent): ManifestSeries | undefined {
  const attributes = content.series?.attributes ?? {};
  const modality = cleanLine(firstValue(attributes.Modality ?? ''), 16);
  if (modality === undefined) return undefined;
  const sops: ManifestSop[] = [];
  for (const instance of content.instances) {
    const sop = describeSop(instance);
    if (sop !== undefined) sops.push(sop);
  }
  if (sops.length === 0) return undefined;
  const seriesNumber = parseIntegerString(firstValue(attributes.SeriesNumber ?? '') ?? '') ?? 0;
  return {
    seriesInstanceUID: content.seriesInstanceUid,
    modality,
    seriesDescription:
      firstOf(cleanLine(attributes.SeriesDescription, 64), cleanLine(attributes.ProtocolName, 64)) ??
      `${modality} series ${seriesNumber}`,
    seriesNumber,
    sops,
  };
}

function describeSop(instance: InstanceDescription): ManifestSop | undefined {
  const { sopClassUid } = instance;
  if (LEFT_OUT_CLASSES.has(sopClassUid)) return undefined;
  const sop: ManifestSop = { sopInstanceUID: instance.key.sopInstanceUid, sopClassUID: sopClassUid };
  if (IDENTITY_ONLY_ROOTS.some((root) => sopClassUid.startsWith(root))) return sop;
  return addImage(sop, instance) ? sop : undefined;
}

/** @returns false where a member that every image needs is missing or out of its range. */
function addImage(sop: ManifestSop, { image, instanceNumber }: InstanceDescription): boolean {
  const { rows, columns, bitsAllocated, samplesPerPixel, photometricInterpretation, pixelData } = image;
  const isFloat = pixelData === 'float' || pixelData === 'double-float';
  if (!isPositiveInteger(rows) || !isPositiveInteger(columns)) return false;
  if (photometricInterpretation === undefined || photometricInterpretation === '') return false;
  if (samplesPerPixel !== 1 && samplesPerPixel !== 3) return false;
  if (!isPositiveInteger(bitsAllocated)) return false;
  if (!isFloat && bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32) return false;
  sop.rows = rows;
  sop.columns = columns;
  sop.bitsAllocated = bitsAllocated;
  sop.photometricInterpretation = photometricInterpretation;
  sop.samplesPerPixel = samplesPerPixel;
  if (pixelData === 'float') sop.isFloatPixelData = true;
  if (pixelData === 'double-float') sop.isDoubleFloatPixelData = true;

  // Left out rather than wrong: a member of the wrong kind would cost the whole SOP.
  const { bitsStored, highBit, pixelRepresentation, numberOfFrames } = image;
  if (isPositiveInteger(bitsStored)) sop.bitsStored = bitsStored;
  if (highBit !== undefined && Number.isSafeInteger(highBit) && highBit >= 0) sop.highBit = highBit;
  if (pixelRepresentation === 0 || pixelRepresentation === 1) sop.pixelRepresentation = pixelRepresentation;
  if (isFinite(image.rescaleIntercept)) sop.rescaleIntercept = image.rescaleIntercept;
  if (isFinite(image.rescaleSlope)) sop.rescaleSlope = image.rescaleSlope;
  if (Number.isSafeInteger(instanceNumber) && instanceNumber !== undefined)
    sop.instanceNumber = instanceNumber;
  if (isPositiveInteger(numberOfFrames)) sop.numberOfFrames = numberOfFrames;
  return true;
}

function isPositiveInteger(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0;
}

function isFinite(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}
