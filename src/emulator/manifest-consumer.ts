import { z } from 'zod';

const identity = z.string().min(1);
const seriesFields = z.object({
  seriesInstanceUID: identity,
  modality: identity,
  seriesDescription: identity,
  seriesNumber: z.union([z.string(), z.number()]),
  sops: z.array(z.unknown()),
});
const sopIdentity = z.object({ sopInstanceUID: identity, sopClassUID: identity });

const positiveInteger = z.int().positive();
const bit = z.int().min(0);
const optionalSopFields = z.object({
  bitsStored: bit.optional(),
  highBit: bit.optional(),
  pixelRepresentation: z.union([z.literal(0), z.literal(1)]).optional(),
  rescaleIntercept: z.number().optional(),
  rescaleSlope: z.number().optional(),
  instanceNumber: z.int().optional(),
  numberOfFrames: positiveInteger.optional(),
  isFloatPixelData: z.boolean().optional(),
  isDoubleFloatPixelData: z.boolean().optional(),
});
const imageFields = z.object({
  rows: positiveInteger,
  columns: positiveInteger,
  bitsAllocated: positiveInteger,
  photometricInterpretation: z.string().min(1),
  samplesPerPixel: z.union([z.literal(1), z.literal(3)]),
});

const KNOWN_MANIFEST_FIELDS = new Set(['studyInstanceUID', 'series']);
const KNOWN_SERIES_FIELDS = new Set(Object.keys(seriesFields.shape));
const KNOWN_SOP_FIELDS = new Set([
  ...Object.keys(sopIdentity.shape),
  ...Object.keys(imageFields.shape),
  ...Object.keys(optionalSopFields.shape),
]);

const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7';
/** Multi-frame classes that scroll by themselves, PS3.4 B.5: a manifest gains them nothing. */
const ENHANCED_CLASSES = new Set(
  ['2.1', '2.2', '4.1', '4.4', '12.1.1', '128.1', '130'].map((end) => `1.2.840.10008.5.1.4.1.1.${end}`),
);
/** Structured Reports with Key Object Selection, and Presentation States: identity is all they need. */
const IDENTITY_ONLY = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.(88|11)\./;

/** Something left out of a manifest, and why. */
export interface ManifestDrop {
  readonly level: 'manifest' | 'series' | 'sop';
  /** UID of what was dropped, or its place where it has none. */
  readonly subject: string;
  readonly reason: string;
}

export interface ManifestReport {
  /** Whether anything of the manifest is of use. */
  readonly isUsed: boolean;
  readonly series: readonly {
    readonly seriesInstanceUid: string;
    readonly sopInstanceUids: readonly string[];
  }[];
  readonly dropped: readonly ManifestDrop[];
  /** Not wrong, but of no use: unknown fields, classes that gain nothing, repeated UIDs. */
  readonly notes: readonly string[];
}

function why(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`).join('; ');
}

/** Checks one SOP. @returns why it is dropped, or undefined where it survives. */
function findSopFault(sop: unknown, sopClassUid: string): string | undefined {
  const optional = optionalSopFields.safeParse(sop);
  if (!optional.success) return why(optional.error);
  if (IDENTITY_ONLY.test(sopClassUid)) return undefined;
  const image = imageFields.safeParse(sop);
  if (!image.success) return why(image.error);
  const isFloat = optional.data.isFloatPixelData === true || optional.data.isDoubleFloatPixelData === true;
  if (!isFloat && ![8, 16, 32].includes(image.data.bitsAllocated))
    return 'bitsAllocated: must be 8, 16 or 32';
  return undefined;
}

/**
 * Reads a manifest the way the viewer does: what is bad is left out, never fatal.
 * @param manifest the parsed JSON value.
 * @param studyInstanceUid the study that was asked for.
 */
export function consumeManifest(manifest: unknown, studyInstanceUid: string): ManifestReport {
  const dropped: ManifestDrop[] = [];
  const notes: string[] = [];
  const seen = new Set<string>();

  function noteUnknown(value: object, known: ReadonlySet<string>, subject: string): void {
    const unknown = Object.keys(value).filter((key) => !known.has(key));
    if (unknown.length > 0) notes.push(`${subject}: unknown ${unknown.join(', ')}`);
  }

  function consumeSop(sop: unknown, place: string): string | undefined {
    const parsed = sopIdentity.safeParse(sop);
    if (!parsed.success) {
      dropped.push({ level: 'sop', subject: place, reason: why(parsed.error) });
      return undefined;
    }
    const { sopInstanceUID, sopClassUID } = parsed.data;
    const fault = findSopFault(sop, sopClassUID);
    if (fault !== undefined) {
      dropped.push({ level: 'sop', subject: sopInstanceUID, reason: fault });
      return undefined;
    }
    if (typeof sop === 'object' && sop !== null) noteUnknown(sop, KNOWN_SOP_FIELDS, sopInstanceUID);
    if (sopClassUID === SECONDARY_CAPTURE) notes.push(`${sopInstanceUID}: Secondary Capture is unnecessary`);
    if (ENHANCED_CLASSES.has(sopClassUID))
      notes.push(`${sopInstanceUID}: Enhanced multi-frame is unnecessary`);
    if (seen.has(sopInstanceUID)) notes.push(`${sopInstanceUID}: appears more than once`);
    seen.add(sopInstanceUID);
    return sopInstanceUID;
  }

  function consumeSeries(value: unknown, place: string): ManifestReport['series'] {
    const parsed = seriesFields.safeParse(value);
    if (!parsed.success) {
      dropped.push({ level: 'series', subject: place, reason: why(parsed.error) });
      return [];
    }
    const { seriesInstanceUID, sops } = parsed.data;
    const sopInstanceUids = sops.flatMap((sop, index) => consumeSop(sop, `${place}.sops[${index}]`) ?? []);
    if (sopInstanceUids.length === 0) {
      dropped.push({ level: 'series', subject: seriesInstanceUID, reason: 'no SOP survives' });
      return [];
    }
    if (typeof value === 'object' && value !== null)
      noteUnknown(value, KNOWN_SERIES_FIELDS, seriesInstanceUID);
    return [{ seriesInstanceUid: seriesInstanceUID, sopInstanceUids }];
  }

  function ignore(reason: string): ManifestReport {
    dropped.push({ level: 'manifest', subject: studyInstanceUid, reason });
    return { isUsed: false, series: [], dropped, notes };
  }

  const parsed = z.object({ studyInstanceUID: identity, series: z.array(z.unknown()) }).safeParse(manifest);
  if (!parsed.success) return ignore(why(parsed.error));
  if (parsed.data.studyInstanceUID !== studyInstanceUid)
    return ignore('studyInstanceUID is of another study');
  if (typeof manifest === 'object' && manifest !== null)
    noteUnknown(manifest, KNOWN_MANIFEST_FIELDS, 'manifest');
  const series = parsed.data.series.flatMap((value, index) => consumeSeries(value, `series[${index}]`));
  return series.length === 0 ? ignore('no series survives') : { isUsed: true, series, dropped, notes };
}
