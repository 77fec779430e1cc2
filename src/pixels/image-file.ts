import { Buffer } from 'node:buffer';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

import { PixelError } from '../core/ports/pixel-codec.ts';
import type { DecodedFrame, FrameDescription, PixelSource } from '../core/ports/pixel-codec.ts';
import { DataSetError } from '../dicom/data-set/walk-data-set.ts';
import { findPixelData } from '../dicom/pixel-data/find-pixel-data.ts';
import type { PixelDataPlace } from '../dicom/pixel-data/find-pixel-data.ts';
import { readFrame } from '../dicom/pixel-data/frame-content.ts';
import { InflatedAccess } from '../dicom/pixel-data/inflated-access.ts';
import { openFrames } from '../dicom/pixel-data/open-frames.ts';
import type { OpenedFrames } from '../dicom/pixel-data/open-frames.ts';
import { PixelDataError, readFully } from '../dicom/pixel-data/random-access.ts';
import type { RandomAccess } from '../dicom/pixel-data/random-access.ts';
import { assumedTransferSyntax } from '../dicom/transfer-syntax.ts';
import type { TransferSyntax } from '../dicom/transfer-syntax.ts';
import { decodeCompressedFrame, nativeLength } from './compressed-frame.ts';

/** Bytes of one decoded frame, or of one compressed one: 8,000 × 8,000 pixels of 16 bits. */
const MAX_FRAME_BYTES = 128 * 1024 * 1024;
/** Bytes of a Data Set without its Pixel Data; functional groups of thousands of frames are a few MiB. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024;

/** A stored object opened in a worker thread. */
export interface ImageFile {
  readonly transferSyntax: TransferSyntax;
  /** The Data Set's bytes, inflated where they are deflated. */
  readonly dataSet: RandomAccess;
  /** Where the Data Set begins in {@link ImageFile.dataSet}. */
  readonly start: number;
  /** The elements before Pixel Data, or all of a Data Set without any. @throws PixelError `too-large` */
  header(): Promise<Buffer>;
  /** Undefined where the object is no image. */
  pixelData(): Promise<PixelDataPlace | undefined>;
  /** @throws PixelError */
  frames(): Promise<OpenedFrames>;
  /** @param number from 1. @throws PixelError */
  decode(number: number): Promise<DecodedFrame>;
}

/**
 * Opens an object, lets `use` work with it and closes it.
 * @throws PixelError for everything that is wrong with the object itself.
 */
export async function withImageFile<T>(
  source: PixelSource,
  use: (file: ImageFile) => Promise<T>,
): Promise<T> {
  const handle = await open(source.path, 'r');
  const closing: (() => void)[] = [];
  try {
    return await use(imageFile(source, fileAccess(handle), closing));
  } catch (error) {
    throw pixelErrorOf(error);
  } finally {
    for (const close of closing) close();
    await handle.close();
  }
}

function imageFile(source: PixelSource, bytes: RandomAccess, closing: (() => void)[]): ImageFile {
  const { dataSetOffset, transferSyntaxUid } = source;
  const transferSyntax = assumedTransferSyntax(transferSyntaxUid);
  const inflated = transferSyntax.deflated ? new InflatedAccess(bytes, dataSetOffset) : undefined;
  if (inflated !== undefined) closing.push(() => inflated.close());
  const dataSet = inflated ?? bytes;
  const start = inflated === undefined ? dataSetOffset : 0;
  let frames: OpenedFrames | undefined;

  async function pixelData(): Promise<PixelDataPlace | undefined> {
    try {
      return await findPixelData(dataSet, start, transferSyntax, new Set());
    } catch (error) {
      if (error instanceof PixelDataError && error.code === 'no-pixel-data') return undefined;
      throw error;
    }
  }

  async function opened(): Promise<OpenedFrames> {
    if (frames === undefined) {
      const opening = await openFrames(bytes, dataSetOffset, transferSyntaxUid);
      closing.push(() => opening.close());
      frames = opening;
    }
    return frames;
  }

  return {
    transferSyntax,
    dataSet,
    start,
    pixelData,
    frames: opened,
    async header() {
      const place = await pixelData();
      return readHeader(dataSet, start, place?.position);
    },
    async decode(number) {
      const file = await opened();
      const { image, isEncapsulated } = file;
      if (number < 1 || number > image.numberOfFrames)
        throw new PixelError('no-such-frame', `The object has ${image.numberOfFrames} frames.`);
      const description = describe(image);
      if (nativeLength(description) > MAX_FRAME_BYTES)
        throw new PixelError('too-large', `A frame of ${nativeLength(description)} bytes is too large.`);
      const content = await file.frame(number);
      if (content.bytes > MAX_FRAME_BYTES)
        throw new PixelError('too-large', `A compressed frame of ${content.bytes} bytes is too large.`);
      const read = await readFrame(content, MAX_FRAME_BYTES);
      if (!isEncapsulated) return { bytes: read, description };
      return decodeCompressedFrame(read, description, transferSyntaxUid);
    },
  };
}

/** @param end where to stop; undefined: at the end of the Data Set. */
async function readHeader(dataSet: RandomAccess, start: number, end: number | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const left = end === undefined ? Infinity : end - start - length;
    const chunk = Buffer.allocUnsafe(Math.min(left, 256 * 1024));
    const filled = await readFully(dataSet, chunk, start + length);
    chunks.push(chunk.subarray(0, filled));
    length += filled;
    if (length > MAX_HEADER_BYTES)
      throw new PixelError('too-large', 'What stands around the Pixel Data is too large.');
    if (filled < chunk.length || length === (end ?? Infinity) - start) return Buffer.concat(chunks, length);
  }
}

function describe(image: OpenedFrames['image']): FrameDescription {
  return {
    ...image,
    planarConfiguration: image.samplesPerPixel > 1 && image.planarConfiguration === 1 ? 1 : 0,
    pixelRepresentation: image.pixelRepresentation === 1 ? 1 : 0,
  };
}

function fileAccess(handle: FileHandle): RandomAccess {
  return {
    async read(target, position) {
      const { bytesRead } = await handle.read(target, 0, target.length, position);
      return bytesRead;
    },
  };
}

/** Errors of the readers in terms of the port. */
function pixelErrorOf(error: unknown): unknown {
  if (error instanceof PixelDataError) {
    const code = error.code === 'no-pixel-data' ? 'no-pixels' : error.code;
    return new PixelError(code, error.message, { cause: error });
  }
  if (error instanceof DataSetError)
    return new PixelError('damaged', 'The Data Set does not hold together.', { cause: error });
  return error;
}
