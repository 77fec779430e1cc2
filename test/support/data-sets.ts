/**
 * Synthetic CT objects of any size, made fast: a real header, then pixels that are one block of noise repeated.
 * dcmjs has no part in it. For pictures worth looking at, use fixtures/data.
 */
import { deflateRawSync } from 'node:zlib';
import {
  encodeDataSet,
  encodeElementHeader,
  TRANSFER_SYNTAX,
  type DataElement,
} from '../../fixtures/generator/data-set-writer.ts';
import { createRandom } from '../../fixtures/generator/drawing.ts';
import { encodePart10Header } from '../../fixtures/generator/part10.ts';
import { elementsOf, identityOf, type SyntheticCtOptions, type SyntheticIdentity } from './ct-header.ts';

export { encodeText, type CharacterSet } from '../../fixtures/generator/character-sets.ts';
export { TRANSFER_SYNTAX, type DataElement } from '../../fixtures/generator/data-set-writer.ts';
export { bytesElement, numberElement, textElement } from '../../fixtures/generator/elements.ts';
export { dataSetOf } from '../../fixtures/generator/part10.ts';
export { uidFromSeed } from '../../fixtures/generator/uids.ts';
export { CT_IMAGE_STORAGE, type SyntheticCtOptions, type SyntheticIdentity } from './ct-header.ts';

const DEFLATED_EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1.99';
const NATIVE: readonly string[] = [
  TRANSFER_SYNTAX.implicitLittleEndian,
  TRANSFER_SYNTAX.explicitLittleEndian,
  TRANSFER_SYNTAX.explicitBigEndian,
  DEFLATED_EXPLICIT_LITTLE_ENDIAN,
];

const PIXEL_DATA = 0x7fe0_0010;
const BLOCK_BYTES = 65_536;

/** An object as a C-STORE would carry it. */
export interface SyntheticInstance extends SyntheticIdentity {
  /** Without preamble and File Meta Information. */
  readonly dataSet: Buffer;
}

/**
 * Makes a CT object.
 * @throws RangeError for UIDs that are none; put a broken one in through `elements`.
 */
export function syntheticCt(options: SyntheticCtOptions = {}): SyntheticInstance {
  const { identity, header, pixels, trailer } = partsOf(options);
  const dataSet = Buffer.allocUnsafe(header.length + pixels.bytes + trailer.length);
  header.copy(dataSet);
  if (pixels.bytes > 0) dataSet.fill(pixels.block, header.length, header.length + pixels.bytes);
  trailer.copy(dataSet, header.length + pixels.bytes);
  const isDeflated = identity.transferSyntaxUid === DEFLATED_EXPLICIT_LITTLE_ENDIAN;
  return { ...identity, dataSet: isDeflated ? padToEven(deflateRawSync(dataSet)) : dataSet };
}

/** A Data Set too large to hold, piece by piece. */
export interface SyntheticStream extends SyntheticIdentity {
  readonly byteLength: number;
  /** The Data Set in pieces of at most 64 KiB after the header; the buffers are shared: read them only. */
  readonly chunks: () => Generator<Buffer, void, undefined>;
}

/**
 * Like {@link syntheticCt}, of which it gives the same bytes, in constant memory; up to the 4 GB that an element's
 * length can say.
 * @throws RangeError for the Deflated syntax, which has no length beforehand.
 */
export function syntheticCtStream(options: SyntheticCtOptions = {}): SyntheticStream {
  const { identity, header, pixels, trailer } = partsOf(options);
  if (identity.transferSyntaxUid === DEFLATED_EXPLICIT_LITTLE_ENDIAN) {
    throw new RangeError('a deflated Data Set cannot be made piece by piece');
  }
  function* chunks(): Generator<Buffer, void, undefined> {
    yield header;
    for (let sent = 0; sent < pixels.bytes; sent += BLOCK_BYTES) {
      yield pixels.block.subarray(0, Math.min(BLOCK_BYTES, pixels.bytes - sent));
    }
    if (trailer.length > 0) yield trailer;
  }
  return { ...identity, byteLength: header.length + pixels.bytes + trailer.length, chunks };
}

export interface SyntheticStudyOptions extends Omit<
  SyntheticCtOptions,
  'seriesInstanceUid' | 'sopInstanceUid' | 'seriesNumber' | 'instanceNumber'
> {
  /** Default 1. */
  readonly seriesCount?: number;
  readonly instancesPerSeries: number;
}

/** The CT objects of one study, series after series, each made when it is asked for. */
export function* syntheticStudy(
  options: SyntheticStudyOptions,
): Generator<SyntheticInstance, void, undefined> {
  const { seriesCount = 1, instancesPerSeries, ...shared } = options;
  for (let seriesNumber = 1; seriesNumber <= seriesCount; seriesNumber++) {
    for (let instanceNumber = 1; instanceNumber <= instancesPerSeries; instanceNumber++) {
      yield syntheticCt({ ...shared, seriesNumber, instanceNumber });
    }
  }
}

/** The Part 10 file of a Data Set. @param sourceAeTitle of the device that pretends to have written it. */
export function part10Of(
  instance: Pick<SyntheticInstance, 'dataSet' | 'transferSyntaxUid' | 'sopClassUid' | 'sopInstanceUid'>,
  sourceAeTitle?: string,
): Buffer {
  const { dataSet, transferSyntaxUid, sopClassUid, sopInstanceUid } = instance;
  const meta = { transferSyntaxUid, sopClassUid, sopInstanceUid };
  return Buffer.concat([
    encodePart10Header(sourceAeTitle === undefined ? meta : { ...meta, sourceAeTitle }),
    dataSet,
  ]);
}

interface SyntheticParts {
  readonly identity: SyntheticIdentity;
  /** Up to and including the header of Pixel Data's value. */
  readonly header: Buffer;
  readonly pixels: { readonly bytes: number; readonly block: Buffer };
  readonly trailer: Buffer;
}

function partsOf(options: SyntheticCtOptions): SyntheticParts {
  const identity = identityOf(options);
  const elements = elementsOf(options, identity);
  const isDeflated = identity.transferSyntaxUid === DEFLATED_EXPLICIT_LITTLE_ENDIAN;
  const encoding = {
    transferSyntaxUid: isDeflated ? TRANSFER_SYNTAX.explicitLittleEndian : identity.transferSyntaxUid,
    sequenceLengths: options.sequenceLengths ?? 'undefined',
  };
  const encode = (part: readonly DataElement[]): Buffer => encodeDataSet(part, encoding);
  const isWithoutPixels =
    (options.omit ?? []).includes(PIXEL_DATA) || elements.some(({ tag }) => tag === PIXEL_DATA);
  if (isWithoutPixels) {
    return {
      identity,
      header: encode(elements),
      pixels: { bytes: 0, block: Buffer.alloc(0) },
      trailer: Buffer.alloc(0),
    };
  }
  const bytes = 2 * (options.rows ?? 512) * (options.columns ?? 512);
  const before = encode(elements.filter(({ tag }) => tag < PIXEL_DATA));
  const after = encode(elements.filter(({ tag }) => tag > PIXEL_DATA));
  const pixels = { bytes, block: noiseBlock(options.pixelSeed ?? 1) };
  if (NATIVE.includes(identity.transferSyntaxUid)) {
    const pixelHeader = encodeElementHeader(PIXEL_DATA, 'OW', bytes, encoding.transferSyntaxUid);
    return { identity, header: Buffer.concat([before, pixelHeader]), pixels, trailer: after };
  }
  return {
    identity,
    header: Buffer.concat([
      before,
      encodeElementHeader(PIXEL_DATA, 'OB', 0xffff_ffff, encoding.transferSyntaxUid),
      itemHeader(0xe000, 0),
      itemHeader(0xe000, bytes),
    ]),
    pixels,
    trailer: Buffer.concat([itemHeader(0xe0dd, 0), after]),
  };
}

const blocks = new Map<number, Buffer>();

/** 64 KiB of noise; the few seeds that a test uses are kept. */
function noiseBlock(seed: number): Buffer {
  const known = blocks.get(seed);
  if (known !== undefined) return known;
  const block = Buffer.alloc(BLOCK_BYTES);
  const random = createRandom(seed);
  for (let offset = 0; offset < BLOCK_BYTES; offset += 4) block.writeUInt32LE(random(), offset);
  if (blocks.size >= 16) blocks.clear();
  blocks.set(seed, block);
  return block;
}

/** An item or delimitation of group FFFE; encapsulated Data Sets are little endian. */
function itemHeader(element: number, lengthBytes: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16LE(0xfffe, 0);
  header.writeUInt16LE(element, 2);
  header.writeUInt32LE(lengthBytes, 4);
  return header;
}

/** A deflated stream of odd length is followed by one NUL, PS3.5 A.5. */
function padToEven(bytes: Buffer): Buffer {
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.of(0)]);
}
