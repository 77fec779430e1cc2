import { allocatedSamples, storedValueOf } from './stored-frame.ts';
import type { AllocatedSamples, StoredFrame } from './stored-frame.ts';

/** What decoders leave behind counts as RGB: they undo the transformations of JPEG 2000 themselves. */
const RGB: ReadonlySet<string> = new Set(['RGB', 'YBR_ICT', 'YBR_RCT']);

/**
 * Red, green, blue per pixel of a frame with three samples per pixel (PS3.3 C.7.6.3.1.2).
 * @returns undefined for a Photometric Interpretation that is unknown or retired.
 */
export function renderColor(frame: StoredFrame): Uint8Array | undefined {
  const { description } = frame;
  const { photometricInterpretation, rows, columns, planarConfiguration } = description;
  const pixels = rows * columns;
  if (photometricInterpretation === 'YBR_FULL_422')
    return isSubsampled(frame, pixels) ? expand422(frame) : fullRange(frame);
  const isYbr = photometricInterpretation === 'YBR_FULL';
  if (!isYbr && !RGB.has(photometricInterpretation)) return undefined;
  const samples = eightBits(frame, pixels * 3);
  const interleaved = planarConfiguration === 1 ? interleave(samples, pixels) : samples;
  return isYbr ? ybrToRgb(interleaved) : interleaved;
}

/** Some writers say 422 and write every chrominance sample. */
function isSubsampled({ bytes, description }: StoredFrame, pixels: number): boolean {
  return bytes.length < (pixels * 3 * description.bitsAllocated) / 8;
}

function fullRange(frame: StoredFrame): Uint8Array {
  const { rows, columns, planarConfiguration } = frame.description;
  const samples = eightBits(frame, rows * columns * 3);
  return ybrToRgb(planarConfiguration === 1 ? interleave(samples, rows * columns) : samples);
}

/** Y Y Cb Cr for each two pixels of a row. */
function expand422(frame: StoredFrame): Uint8Array {
  const { rows, columns } = frame.description;
  const pixels = rows * columns;
  const samples = eightBits(frame, pixels * 2);
  const full = new Uint8Array(pixels * 3);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const pair = (pixel >> 1) * 4;
    full[pixel * 3] = samples[pair + (pixel & 1)] ?? 0;
    full[pixel * 3 + 1] = samples[pair + 2] ?? 0;
    full[pixel * 3 + 2] = samples[pair + 3] ?? 0;
  }
  return ybrToRgb(full);
}

/** The upper 8 of the stored bits. */
function eightBits(frame: StoredFrame, count: number): Uint8Array {
  const { bitsAllocated, bitsStored } = frame.description;
  const samples: AllocatedSamples | undefined = allocatedSamples(frame, count);
  if (samples === undefined) throw new RangeError(`Bits Allocated ${bitsAllocated} cannot be shown`);
  if (samples instanceof Uint8Array && bitsStored >= 8) return samples;
  const storedValue = storedValueOf({ ...frame.description, pixelRepresentation: 0 });
  const max = 2 ** Math.min(bitsStored, bitsAllocated) - 1;
  return Uint8Array.from(samples, (sample) => Math.round((storedValue(sample) / max) * 255));
}

function interleave(planes: Uint8Array, pixels: number): Uint8Array {
  const samples = new Uint8Array(pixels * 3);
  for (let pixel = 0; pixel < pixels; pixel++) {
    samples[pixel * 3] = planes[pixel] ?? 0;
    samples[pixel * 3 + 1] = planes[pixel + pixels] ?? 0;
    samples[pixel * 3 + 2] = planes[pixel + 2 * pixels] ?? 0;
  }
  return samples;
}

/** The equations of PS3.3 C.7.6.3.1.2, solved for red, green and blue. */
export function ybrToRgb(ybr: Uint8Array): Uint8Array {
  const rgb = new Uint8ClampedArray(ybr.length);
  for (let at = 0; at + 2 < ybr.length; at += 3) {
    const y = ybr[at] ?? 0;
    const cb = (ybr[at + 1] ?? 0) - 128;
    const cr = (ybr[at + 2] ?? 0) - 128;
    rgb[at] = y + 1.402 * cr;
    rgb[at + 1] = y - 0.344136 * cb - 0.714136 * cr;
    rgb[at + 2] = y + 1.772 * cb;
  }
  return new Uint8Array(rgb.buffer);
}
