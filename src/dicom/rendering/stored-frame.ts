/** What the samples of a native frame are; see `FrameDescription` of the pixel codec. */
export interface SampleDescription {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  readonly photometricInterpretation: string;
  readonly planarConfiguration: number;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly pixelRepresentation: number;
  readonly kind: 'integer' | 'float' | 'double-float';
}

/** A native frame in little endian. */
export interface StoredFrame {
  readonly bytes: Uint8Array;
  readonly description: SampleDescription;
}

/** Samples as they are allocated: neither masked nor sign-extended. */
export type AllocatedSamples = Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array;

/**
 * The samples of a frame as numbers.
 * @param count how many are needed.
 * @returns undefined for a Bits Allocated other than 1, 8, 16, 32, and 64 for floating point.
 * @throws RangeError where the bytes are fewer.
 */
export function allocatedSamples(
  { bytes, description }: StoredFrame,
  count: number,
): AllocatedSamples | undefined {
  const { bitsAllocated, kind } = description;
  if (bytes.length * 8 < count * bitsAllocated)
    throw new RangeError(`${bytes.length} bytes hold less than ${count} samples of ${bitsAllocated} bits`);
  if (bitsAllocated === 1) return unpackBits(bytes, count);
  if (bitsAllocated === 8) return bytes.subarray(0, count);
  // Typed arrays begin at a multiple of their element's size.
  const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  if (kind === 'double-float') return new Float64Array(buffer, byteOffset, count);
  if (kind === 'float') return new Float32Array(buffer, byteOffset, count);
  if (bitsAllocated === 16) return new Uint16Array(buffer, byteOffset, count);
  if (bitsAllocated === 32) return new Uint32Array(buffer, byteOffset, count);
  return undefined;
}

/** PS3.5 8.1.1: the first pixel is the lowest bit of the first byte. */
function unpackBits(bytes: Uint8Array, count: number): Uint8Array {
  const samples = new Uint8Array(count);
  for (let index = 0; index < count; index++) samples[index] = ((bytes[index >> 3] ?? 0) >> (index & 7)) & 1;
  return samples;
}

/**
 * Takes the stored value out of an allocated sample: the bits up to High Bit, without what else is kept above and below
 * them (overlays of old objects), two's complement undone (PS3.5 8.1.1).
 */
export function storedValueOf(
  description: Pick<
    SampleDescription,
    'bitsAllocated' | 'bitsStored' | 'highBit' | 'pixelRepresentation' | 'kind'
  >,
): (allocated: number) => number {
  const { bitsAllocated, kind, pixelRepresentation } = description;
  if (kind !== 'integer') return (allocated) => allocated;
  const bitsStored = Math.min(Math.max(description.bitsStored, 1), bitsAllocated);
  const highBit = Math.min(Math.max(description.highBit, bitsStored - 1), bitsAllocated - 1);
  const unit = 2 ** (highBit + 1 - bitsStored);
  const range = 2 ** bitsStored;
  const half = range / 2;
  if (pixelRepresentation === 1) {
    return (allocated) => {
      const value = Math.floor(allocated / unit) % range;
      return value >= half ? value - range : value;
    };
  }
  return (allocated) => Math.floor(allocated / unit) % range;
}
