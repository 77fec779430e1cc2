import { Buffer } from 'node:buffer';

import { PixelError } from '../core/ports/pixel-codec.ts';
import type { DecodedFrame, PixelSource } from '../core/ports/pixel-codec.ts';
import { decodeCompressedFrame, nativeLength } from './compressed-frame.ts';
import { withImageFile } from './image-file.ts';
import { encodeWithCodec } from './native-codecs.ts';

/** Decodes a frame and compresses it again. @throws PixelError */
export function encodeJob(
  source: PixelSource,
  frame: number,
  transferSyntaxUid: string,
): Promise<{ readonly bytes: Uint8Array }> {
  return withImageFile(source, async (file) => {
    const { bytes } = await encodeFrame(await file.decode(frame), transferSyntaxUid);
    return { bytes };
  });
}

/**
 * Compresses a frame without loss, and makes sure of it: what does not decode to the same bytes is not handed out.
 * @returns the compressed image, and how it decodes.
 * @throws PixelError `unsupported`
 */
export async function encodeFrame(
  frame: DecodedFrame,
  transferSyntaxUid: string,
): Promise<{ readonly bytes: Uint8Array; readonly description: DecodedFrame['description'] }> {
  const { bitsAllocated, kind, samplesPerPixel } = frame.description;
  const isSubsampled = frame.bytes.length < nativeLength(frame.description);
  if (kind !== 'integer' || (bitsAllocated !== 8 && bitsAllocated !== 16) || isSubsampled)
    throw new PixelError('unsupported', 'Pixels of this kind cannot be compressed.');
  if (samplesPerPixel !== 1 && samplesPerPixel !== 3)
    throw new PixelError('unsupported', `${samplesPerPixel} samples per pixel cannot be compressed.`);
  const native = interleavedPixels(frame);
  const description = { ...frame.description, planarConfiguration: 0 as const };
  const bytes = await encodeWithCodec(transferSyntaxUid, native, description);
  const again = await decodeCompressedFrame(bytes, description, transferSyntaxUid);
  if (Buffer.compare(again.bytes, native) !== 0)
    throw new PixelError('unsupported', 'This image cannot be compressed in that way without loss.');
  return { bytes, description };
}

function interleavedPixels({ bytes, description }: DecodedFrame): Uint8Array {
  const { samplesPerPixel, bitsAllocated, planarConfiguration, rows, columns } = description;
  if (samplesPerPixel === 1 || planarConfiguration === 0) return bytes;
  const bytesPerSample = bitsAllocated / 8;
  const planeLength = rows * columns * bytesPerSample;
  const pixels = new Uint8Array(planeLength * samplesPerPixel);
  let to = 0;
  for (let at = 0; at < planeLength; at += bytesPerSample)
    for (let plane = 0; plane < samplesPerPixel; plane++)
      for (let byte = 0; byte < bytesPerSample; byte++)
        pixels[to++] = bytes[plane * planeLength + at + byte] ?? 0;
  return pixels;
}
