import type { InstanceRun, SeriesDescription } from '../core/study/study.ts';
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
  /** Its `sops`, those that are alike together. */
  readonly runs: readonly ManifestRun[];
}

/** Neighbours in a series that differ in UID and number only. */
export interface ManifestRun {
  readonly common: ManifestSop;
  readonly sopInstanceUIDs: readonly string[];
  /** One for each UID, where it is said. */
  readonly instanceNumbers: readonly (number | undefined)[];
}

/** Identity always; the members of an image all or none, but for those that Avara lets be missing. */
export interface ManifestSop {
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
  numberOfFrames?: number;
  isFloatPixelData?: boolean;
  isDoubleFloatPixelData?: boolean;
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
 * Describes what Avara's viewer can use of a study. What cannot be described is left out; its files are in the
 * answer's `urls` all the same.
 * @param contents in the order wanted.
 * @returns undefined where nothing is left.
 */
export function buildManifest(
  studyInstanceUid: string,
  contents: readonly SeriesDescription[],
): Manifest | undefined {
  const series = contents.flatMap((content) => describeSeries(content) ?? []);
  return series.length === 0 ? undefined : { studyInstanceUID: studyInstanceUid, series };
}

function describeSeries(content: SeriesDescription): ManifestSeries | undefined {
  const { attributes } = content;
  const modality = cleanLine(firstValue(attributes.Modality ?? ''), 16);
  if (modality === undefined) return undefined;
  const runs = content.runs.flatMap((run) => describeRun(run) ?? []);
  if (runs.length === 0) return undefined;
  const seriesNumber = parseIntegerString(firstValue(attributes.SeriesNumber ?? '') ?? '') ?? 0;
  return {
    seriesInstanceUID: content.seriesInstanceUid,
    modality,
    seriesDescription:
      firstOf(cleanLine(attributes.SeriesDescription, 64), cleanLine(attributes.ProtocolName, 64)) ??
      `${modality} series ${seriesNumber}`,
    seriesNumber,
    runs,
  };
}

function describeRun({
  sopClassUid,
  image,
  sopInstanceUids,
  instanceNumbers,
}: InstanceRun): ManifestRun | undefined {
  if (LEFT_OUT_CLASSES.has(sopClassUid)) return undefined;
  const common: ManifestSop = { sopClassUID: sopClassUid };
  if (IDENTITY_ONLY_ROOTS.some((root) => sopClassUid.startsWith(root)))
    return { common, sopInstanceUIDs: sopInstanceUids, instanceNumbers: [] };
  if (!addImage(common, image)) return undefined;
  return { common, sopInstanceUIDs: sopInstanceUids, instanceNumbers: instanceNumbers.map(safeInteger) };
}

/** @returns false where a member that every image needs is missing or out of its range. */
function addImage(sop: ManifestSop, image: InstanceRun['image']): boolean {
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
  if (isPositiveInteger(numberOfFrames)) sop.numberOfFrames = numberOfFrames;
  return true;
}

function safeInteger(value: number | undefined): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}

function isPositiveInteger(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0;
}

function isFinite(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}
