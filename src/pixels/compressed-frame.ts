import { inflateRawSync } from 'node:zlib';

import { PixelError } from '../core/ports/pixel-codec.ts';
import type { DecodedFrame, FrameDescription } from '../core/ports/pixel-codec.ts';
import { readCodestreamHeader } from '../dicom/pixel-data/codestream.ts';
import type { CodestreamHeader } from '../dicom/pixel-data/codestream.ts';
import { decodeRleFrame } from '../dicom/pixel-data/rle.ts';
import { ybrToRgb } from '../dicom/rendering/render-color.ts';
import { codingOf } from './codings.ts';
import { decodeWithCodec } from './native-codecs.ts';

const JPEG_2000_COLORS: ReadonlySet<string> = new Set(['RGB', 'YBR_ICT', 'YBR_RCT']);

/**
 * Decodes one compressed frame (PS3.5 8.2). The header of the compressed image must say what the attributes say:
 * decoders allocate and write by the one or the other.
 * @param description by the attributes of the object.
 * @throws PixelError `unsupported` or `damaged`
 */
export async function decodeCompressedFrame(
  encoded: Uint8Array,
  description: FrameDescription,
  transferSyntaxUid: string,
): Promise<DecodedFrame> {
  const coding = codingOf(transferSyntaxUid);
  const interleaved: FrameDescription = { ...description, planarConfiguration: 0 };
  switch (coding) {
    case undefined:
      throw new PixelError('unsupported', `There is no decoder for Transfer Syntax ${transferSyntaxUid}.`);
    case 'none':
      return { bytes: nativeBytes(encoded, description), description };
    case 'deflated':
      return { bytes: inflated(encoded, description), description };
    case 'rle':
      return { bytes: decodeRle(encoded, description), description: interleaved };
    case 'jpeg':
    case 'jpeg-ls':
    case 'jpeg-2000':
    case 'htj2k': {
      const header = checkedHeader(encoded, description);
      const decoded = await decodeWithCodec(coding, encoded, header);
      const samples = header.isPlanar ? interleave(decoded, header) : decoded;
      return finish(samples, header, interleaved);
    }
  }
}

function nativeBytes(bytes: Uint8Array, description: FrameDescription): Uint8Array {
  const length = nativeLength(description);
  if (bytes.length < length)
    throw new PixelError('damaged', `A frame has ${bytes.length} bytes in place of ${length}.`);
  return bytes.subarray(0, length);
}

/** Bytes of a native frame whose pixels have all their samples. */
export function nativeLength(description: FrameDescription): number {
  const { rows, columns, samplesPerPixel, bitsAllocated } = description;
  return Math.ceil((rows * columns * samplesPerPixel * bitsAllocated) / 8);
}

function inflated(encoded: Uint8Array, description: FrameDescription): Uint8Array {
  const length = nativeLength(description);
  try {
    return nativeBytes(inflateRawSync(encoded, { maxOutputLength: length + 1 }), description);
  } catch (error) {
    if (error instanceof PixelError) throw error;
    throw new PixelError('damaged', 'A deflated frame cannot be inflated.', { cause: error });
  }
}

function decodeRle(encoded: Uint8Array, description: FrameDescription): Uint8Array {
  const { rows, columns, samplesPerPixel, bitsAllocated } = description;
  if (bitsAllocated % 8 !== 0)
    throw new PixelError('unsupported', `RLE of ${bitsAllocated} bits is not supported.`);
  try {
    return decodeRleFrame(encoded, { pixels: rows * columns, samplesPerPixel, bitsAllocated });
  } catch (error) {
    if (error instanceof RangeError)
      throw new PixelError('damaged', `A frame is damaged: ${error.message}.`, { cause: error });
    throw error;
  }
}

function checkedHeader(encoded: Uint8Array, description: FrameDescription): CodestreamHeader {
  const header = readCodestreamHeader(encoded);
  if (header === undefined) throw new PixelError('damaged', 'A compressed frame has no readable header.');
  const { rows, columns, samplesPerPixel, bitsAllocated } = description;
  if (header.rows !== rows || header.columns !== columns || header.components !== samplesPerPixel)
    throw new PixelError(
      'damaged',
      `A frame is compressed as ${header.columns} × ${header.rows} × ${header.components}, ` +
        `and described as ${columns} × ${rows} × ${samplesPerPixel}.`,
    );
  if (header.isSubsampled)
    throw new PixelError('unsupported', 'Subsampled JPEG 2000 components are not supported.');
  if ((bitsAllocated !== 8 && bitsAllocated !== 16) || header.precision > bitsAllocated)
    throw new PixelError(
      'unsupported',
      `${header.precision} bits compressed and ${bitsAllocated} allocated are not supported.`,
    );
  return header;
}

function interleave(planes: Uint8Array, { components, precision }: CodestreamHeader): Uint8Array {
  const bytesPerSample = precision > 8 ? 2 : 1;
  const samples = new Uint8Array(planes.length);
  const planeLength = planes.length / components;
  for (let from = 0; from < planes.length; from++) {
    const plane = Math.floor(from / planeLength);
    const within = from - plane * planeLength;
    const sample = Math.floor(within / bytesPerSample);
    samples[(sample * components + plane) * bytesPerSample + (within % bytesPerSample)] = planes[from] ?? 0;
  }
  return samples;
}

/** Brings what a decoder gave into the form of Pixel Data. */
function finish(samples: Uint8Array, header: CodestreamHeader, description: FrameDescription): DecodedFrame {
  const { rows, columns, samplesPerPixel, bitsAllocated } = description;
  const count = rows * columns * samplesPerPixel;
  const isByte = header.precision <= 8;
  if (samples.length !== count * (isByte ? 1 : 2))
    throw new PixelError('damaged', 'A frame did not decode to as many samples as described.');
  const photometricInterpretation = photometricAfter(header, description);
  const isConverted = photometricInterpretation === 'RGB' && isYbrJpeg(header, description);
  if (isConverted && !isByte)
    throw new PixelError('unsupported', 'JPEG in YBR of more than 8 bits is not supported.');
  const colored = isConverted ? ybrToRgb(samples) : samples;
  const bytes = isByte && bitsAllocated === 16 ? widened(colored) : colored;
  return { bytes, description: { ...description, photometricInterpretation } };
}

function photometricAfter(header: CodestreamHeader, description: FrameDescription): string {
  const { photometricInterpretation, samplesPerPixel } = description;
  if (samplesPerPixel !== 3) return photometricInterpretation;
  if (header.coding === 'jpeg-2000')
    return header.color === 'rgb' || JPEG_2000_COLORS.has(photometricInterpretation)
      ? 'RGB'
      : photometricInterpretation;
  return header.coding === 'jpeg' ? 'RGB' : photometricInterpretation;
}

/**
 * Lossy JPEG is converted to RGB, which costs nothing that is not lost already; where a JFIF or Adobe segment
 * contradicts the Photometric Interpretation, it is right: encoders write it, devices the attribute.
 */
function isYbrJpeg({ coding, color }: CodestreamHeader, description: FrameDescription): boolean {
  if (coding !== 'jpeg' || description.samplesPerPixel !== 3) return false;
  return color === undefined ? description.photometricInterpretation !== 'RGB' : color === 'ycbcr';
}

function widened(samples: Uint8Array): Uint8Array {
  const wide = new Uint8Array(samples.length * 2);
  for (const [index, sample] of samples.entries()) wide[index * 2] = sample;
  return wide;
}
