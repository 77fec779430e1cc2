import type { Buffer } from 'node:buffer';

import { TAGS, type TagKeyword } from '../dictionary/tags.ts';
import { parseIntegerString } from '../values/number.ts';
import type { PixelDataPlace } from './find-pixel-data.ts';
import { PixelDataError } from './random-access.ts';

/** The Image Pixel Module as far as frames depend on it (PS3.3 C.7.6.3). */
export interface ImagePixel {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  readonly photometricInterpretation: string;
  /** 0: samples of a pixel side by side; 1: plane after plane. */
  readonly planarConfiguration: number;
  /** Which pixel element the samples are in. */
  readonly kind: PixelDataPlace['kind'];
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  /** 0: unsigned; 1: two's complement. */
  readonly pixelRepresentation: number;
  /** As the object says; 1 where it says nothing. */
  readonly numberOfFrames: number;
}

const KEYWORDS = [
  'Rows',
  'Columns',
  'SamplesPerPixel',
  'PhotometricInterpretation',
  'PlanarConfiguration',
  'BitsAllocated',
  'BitsStored',
  'HighBit',
  'PixelRepresentation',
  'NumberOfFrames',
] as const satisfies readonly TagKeyword[];
type Keyword = (typeof KEYWORDS)[number];

/** What {@link readImagePixel} wants to know. */
export const IMAGE_PIXEL_TAGS: ReadonlySet<number> = new Set(KEYWORDS.map((keyword) => TAGS[keyword].tag));

/** Each pair of pixels shares its two chrominance samples (PS3.3 C.7.6.3.1.2). */
const HALF_CHROMINANCE: ReadonlySet<string> = new Set(['YBR_FULL_422', 'YBR_PARTIAL_422']);

/** @throws PixelDataError `damaged` where something is missing that frames cannot be found without. */
export function readImagePixel(place: PixelDataPlace, littleEndian: boolean): ImagePixel {
  const { values, kind } = place;
  const value = (keyword: Keyword): Buffer | undefined => values.get(TAGS[keyword].tag);
  const short = (keyword: Keyword): number | undefined => {
    const bytes = value(keyword);
    if (bytes === undefined || bytes.length < 2) return undefined;
    return littleEndian ? bytes.readUInt16LE() : bytes.readUInt16BE();
  };
  const required = (keyword: Keyword): number => {
    const found = short(keyword);
    if (found === undefined || found === 0)
      throw new PixelDataError('damaged', `The object has Pixel Data but no usable ${keyword}.`);
    return found;
  };
  const floatBits = kind === 'integer' ? undefined : kind === 'float' ? 32 : 64;
  const bitsAllocated = floatBits ?? required('BitsAllocated');
  const bitsStored = short('BitsStored') ?? bitsAllocated;
  return {
    rows: required('Rows'),
    columns: required('Columns'),
    samplesPerPixel: short('SamplesPerPixel') ?? 1,
    photometricInterpretation: (value('PhotometricInterpretation')?.toString('latin1') ?? '')
      .replace(/\0/g, '')
      .trim(),
    planarConfiguration: short('PlanarConfiguration') ?? 0,
    kind,
    bitsAllocated,
    bitsStored,
    highBit: short('HighBit') ?? bitsStored - 1,
    pixelRepresentation: short('PixelRepresentation') ?? 0,
    numberOfFrames: Math.max(1, parseIntegerString(value('NumberOfFrames')?.toString('latin1') ?? '') ?? 1),
  };
}

/** Bits of one native frame. Frames follow each other without padding between them (PS3.5 8.1.1, 8.2). */
export function bitsPerNativeFrame(image: ImagePixel): number {
  const { rows, columns, bitsAllocated, samplesPerPixel, photometricInterpretation } = image;
  const isSubsampled = samplesPerPixel === 3 && HALF_CHROMINANCE.has(photometricInterpretation);
  return rows * columns * bitsAllocated * (isSubsampled ? 2 : samplesPerPixel);
}
