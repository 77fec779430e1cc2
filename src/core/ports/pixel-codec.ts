import type { Uid } from '../../dicom/uid.ts';
import type { OpenedInstance } from './instance-store.ts';

/** A stored object whose pixels are asked for. */
export interface PixelSource {
  /** Absolute path of its Part 10 file. */
  readonly path: string;
  readonly dataSetOffset: number;
  readonly transferSyntaxUid: Uid;
}

/** What the samples of a decoded frame are. */
export interface FrameDescription {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  /** After decoding: what was compressed in YBR comes as RGB. */
  readonly photometricInterpretation: string;
  /** 0: samples of a pixel side by side; also where there is one sample per pixel. 1: a plane per sample. */
  readonly planarConfiguration: 0 | 1;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  /** 0: unsigned; 1: two's complement. */
  readonly pixelRepresentation: 0 | 1;
  /** Which kind of pixel element the samples are of. */
  readonly kind: 'integer' | 'float' | 'double-float';
}

/** One frame as native Pixel Data in little endian (PS3.5 8.1, 8.2), not padded to even length. */
export interface DecodedFrame {
  readonly bytes: Uint8Array;
  readonly description: FrameDescription;
}

/** One frame as the bytes that its fragment would have in an encapsulated Transfer Syntax. */
export interface EncodedFrame {
  readonly bytes: Uint8Array;
  readonly transferSyntaxUid: Uid;
}

/** Why pixels cannot be had. The message is for people: no patient data, no paths. */
export class PixelError extends Error {
  override readonly name = 'PixelError';
  /**
   * `unsupported`: no decoder or encoder for this; `no-pixels`: the object is no image; `no-such-frame`: its frames are
   * fewer; `damaged`: pixels contradict their description, or decoding them failed or did not end; `too-large`: over the
   * bounds set here; `busy`: too much waits already, which passes.
   */
  readonly code: 'unsupported' | 'no-pixels' | 'no-such-frame' | 'damaged' | 'too-large' | 'busy';
  constructor(code: PixelError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface PixelJobOptions {
  /** Aborted when nobody waits for the result any more: the job is dropped, and its promise rejects with the reason. */
  readonly signal?: AbortSignal;
}

/**
 * Decodes and transcodes pixels off the event loop. At most a few jobs run at once and a bounded number waits. A job
 * that ends its thread, or does not end, fails alone as `damaged`.
 */
export interface PixelCodec {
  /** Whether frames in this Transfer Syntax can be decoded. */
  canDecode(transferSyntaxUid: Uid): boolean;
  /**
   * Whether an object stored in `from` can be handed out in `to`: without loss only, so that nobody gets degraded
   * images unknowingly. True where both are the same.
   */
  canTranscode(from: Uid, to: Uid): boolean;
  /** @param frame from 1. @throws PixelError */
  decodeFrame(source: PixelSource, frame: number, options?: PixelJobOptions): Promise<DecodedFrame>;
  /** Like {@link decodeFrame}, then compressed without loss. @throws PixelError */
  encodeFrame(
    source: PixelSource,
    frame: number,
    transferSyntaxUid: Uid,
    options?: PixelJobOptions,
  ): Promise<EncodedFrame>;
  /**
   * The whole object in another Transfer Syntax, under the same SOP Instance UID, spooled to disk frame by frame.
   * @returns the new Part 10 file; closing it frees its space.
   * @throws PixelError
   */
  transcode(source: PixelSource, transferSyntaxUid: Uid, options?: PixelJobOptions): Promise<OpenedInstance>;
  close(): Promise<void>;
}
