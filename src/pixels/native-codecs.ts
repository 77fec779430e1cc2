import codecs from 'dcmjs-codecs';
import type { Context } from 'dcmjs-codecs';

import { PixelError } from '../core/ports/pixel-codec.ts';
import type { FrameDescription } from '../core/ports/pixel-codec.ts';
import type { CodestreamHeader } from '../dicom/pixel-data/codestream.ts';
import {
  HTJ2K_LOSSLESS_RPCL_UID,
  HTJ2K_LOSSLESS_UID,
  JPEG_2000_LOSSLESS_UID,
  JPEG_LOSSLESS_FIRST_ORDER_UID,
  JPEG_LS_LOSSLESS_UID,
  RLE_LOSSLESS_UID,
} from '../dicom/transfer-syntax.ts';
import type { CodecCoding } from './codings.ts';

/*
 * The WebAssembly build of the IJG, CharLS, OpenJPEG and OpenJPH libraries, for worker threads only: what it does takes
 * long, and what a hostile image makes of it stays in its thread.
 */

const { NativeCodecs } = codecs;

/** Makes the codecs ready; cheap if they are. */
async function ready(): Promise<typeof NativeCodecs> {
  if (!NativeCodecs.isInitialized()) await NativeCodecs.initializeAsync();
  return NativeCodecs;
}

/** Bytes of a frame; decoding takes a multiple of it, and memory of WebAssembly never shrinks. */
const LARGE_FRAME_BYTES = 16 * 1024 * 1024;

/**
 * After a large image the next one gets a new memory, and after a failure as well: a codec that failed has not cleaned
 * up.
 */
async function run(
  frame: Pick<CodestreamHeader, 'rows' | 'columns'>,
  work: (native: typeof NativeCodecs) => Context,
): Promise<Context> {
  const native = await ready();
  let isKept = false;
  try {
    const done = work(native);
    isKept = frame.rows * frame.columns < LARGE_FRAME_BYTES / 2;
    return done;
  } finally {
    if (!isKept) NativeCodecs.release();
  }
}

/**
 * @returns samples of a pixel side by side, one byte each up to a precision of 8 bits, else two.
 * @throws PixelError `damaged`
 */
export async function decodeWithCodec(
  coding: CodecCoding,
  encoded: Uint8Array,
  header: CodestreamHeader,
): Promise<Uint8Array> {
  if (coding === 'jpeg-2000' && header.components > 1 && header.precision > 8)
    throw new PixelError('unsupported', 'JPEG 2000 in colours of more than 8 bits is not supported.');
  const context = new codecs.Context({
    width: header.columns,
    height: header.rows,
    bitsAllocated: header.precision > 8 ? 16 : 8,
    bitsStored: header.precision,
    samplesPerPixel: header.components,
    pixelRepresentation: header.isSigned ? 1 : 0,
    planarConfiguration: 0,
    photometricInterpretation: header.components === 1 ? 'MONOCHROME2' : 'RGB',
    encodedBuffer: encoded,
  });
  try {
    const decoded = await run(header, (native) => {
      switch (coding) {
        case 'jpeg':
          return native.decodeJpeg(context, { convertColorspaceToRgb: false });
        case 'jpeg-ls':
          return native.decodeJpegLs(context);
        case 'jpeg-2000':
          return native.decodeJpeg2000(context);
        case 'htj2k':
          return native.decodeHtJpeg2000(context);
      }
    });
    return decoded.getDecodedBuffer() ?? new Uint8Array();
  } catch (error) {
    throw new PixelError('damaged', `A frame in ${header.coding} cannot be decoded.`, { cause: error });
  }
}

/** Progression RPCL (ITU-T T.800 table A.16). */
const RPCL = 2;

/**
 * Compresses a native frame without loss.
 * @param native samples of a pixel side by side, 8 or 16 bits allocated.
 * @throws PixelError `unsupported`
 */
export async function encodeWithCodec(
  transferSyntaxUid: string,
  native: Uint8Array,
  description: FrameDescription,
): Promise<Uint8Array> {
  const isJpeg2000 = [JPEG_2000_LOSSLESS_UID, HTJ2K_LOSSLESS_UID, HTJ2K_LOSSLESS_RPCL_UID].some(
    (uid) => uid === transferSyntaxUid,
  );
  const context = new codecs.Context({
    width: description.columns,
    height: description.rows,
    bitsAllocated: description.bitsAllocated,
    // All allocated bits: what stands above the stored ones is kept as well.
    bitsStored: description.bitsAllocated,
    samplesPerPixel: description.samplesPerPixel,
    pixelRepresentation: isJpeg2000 ? description.pixelRepresentation : 0,
    planarConfiguration: 0,
    photometricInterpretation: description.samplesPerPixel === 1 ? 'MONOCHROME2' : 'RGB',
    decodedBuffer: native,
  });
  try {
    const encoded = await run(description, (it) => {
      switch (transferSyntaxUid) {
        case RLE_LOSSLESS_UID:
          return it.encodeRle(context);
        case JPEG_LOSSLESS_FIRST_ORDER_UID:
          return it.encodeJpeg(context, { lossy: false, predictor: 1, pointTransform: 0 });
        case JPEG_LS_LOSSLESS_UID:
          return it.encodeJpegLs(context, { lossy: false });
        case JPEG_2000_LOSSLESS_UID:
          return it.encodeJpeg2000(context, { lossy: false });
        case HTJ2K_LOSSLESS_UID:
          return it.encodeHtJpeg2000(context, { lossy: false });
        case HTJ2K_LOSSLESS_RPCL_UID:
          return it.encodeHtJpeg2000(context, { lossy: false, progressionOrder: RPCL });
        default:
          throw new PixelError(
            'unsupported',
            `There is no encoder for Transfer Syntax ${transferSyntaxUid}.`,
          );
      }
    });
    return encoded.getEncodedBuffer() ?? new Uint8Array();
  } catch (error) {
    if (error instanceof PixelError) throw error;
    throw new PixelError('unsupported', 'This image cannot be compressed in that way.', { cause: error });
  }
}
