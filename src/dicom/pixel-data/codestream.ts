/** What the header of a compressed image says of itself. */
export interface CodestreamHeader {
  readonly coding: 'jpeg' | 'jpeg-lossless' | 'jpeg-ls' | 'jpeg-2000';
  readonly rows: number;
  readonly columns: number;
  readonly components: number;
  /** Bits per sample. */
  readonly precision: number;
  /** Samples are in two's complement; JPEG and JPEG-LS do not say so. */
  readonly isSigned: boolean;
  /**
   * JPEG: what a JFIF or Adobe segment says of the colours; JPEG 2000: whether a multiple component transformation was
   * applied. Undefined: nothing is said.
   */
  readonly color: 'rgb' | 'ycbcr' | undefined;
  /** JPEG-LS: each component comes in a scan of its own. */
  readonly isPlanar: boolean;
  /** JPEG 2000: some component is not as large as the image. */
  readonly isSubsampled: boolean;
}

const SOI = 0xffd8;
const SOS = 0xffda;
const APP0 = 0xffe0;
const APP14 = 0xffee;
const SOF55 = 0xfff7;
const LOSSLESS_FRAMES: ReadonlySet<number> = new Set([0xffc3, 0xffc7, 0xffcb, 0xffcf]);
/** 0xFFC4, 0xFFC8 and 0xFFCC are no frame headers (ITU-T T.81 table B.1). */
const NO_FRAMES: ReadonlySet<number> = new Set([0xffc4, 0xffc8, 0xffcc]);

/**
 * Reads the header of a JPEG (ITU-T T.81), JPEG-LS (T.87) or JPEG 2000 (T.800, T.814) image, so that nothing is
 * allocated for an image that is not what its attributes say.
 * @returns undefined where the bytes begin no such image.
 */
export function readCodestreamHeader(bytes: Uint8Array): CodestreamHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 4) return undefined;
  const reader = new Reader(view);
  return view.getUint16(0) === SOI ? readJpeg(reader) : readJpeg2000(reader);
}

/** Reads zeros past the end: a header that is cut off is then none. */
class Reader {
  readonly #view: DataView;
  constructor(view: DataView) {
    this.#view = view;
  }
  get length(): number {
    return this.#view.byteLength;
  }
  byte(at: number): number {
    return at < this.length ? this.#view.getUint8(at) : 0;
  }
  short(at: number): number {
    return this.byte(at) * 0x100 + this.byte(at + 1);
  }
  long(at: number): number {
    return this.short(at) * 0x10000 + this.short(at + 2);
  }
}

type Frame = Pick<CodestreamHeader, 'coding' | 'rows' | 'columns' | 'components' | 'precision'>;

function readJpeg(reader: Reader): CodestreamHeader | undefined {
  let color: CodestreamHeader['color'];
  let frame: Frame | undefined;
  for (let at = 2; at + 4 <= reader.length;) {
    if (reader.byte(at) !== 0xff) return undefined;
    const marker = reader.short(at);
    if (marker === 0xffff) {
      at += 1;
      continue;
    }
    const length = reader.short(at + 2);
    if (marker === SOS) {
      if (frame === undefined) return undefined;
      // T.87 C.2.3: the interleave mode stands behind the components and NEAR.
      const interleaveMode = reader.byte(at + 5 + 2 * reader.byte(at + 4) + 1);
      const isPlanar = frame.coding === 'jpeg-ls' && frame.components > 1 && interleaveMode === 0;
      return { ...frame, isSigned: false, color, isPlanar, isSubsampled: false };
    }
    if (marker === APP0 && reader.long(at + 4) === 0x4a464946) color ??= 'ycbcr';
    if (marker === APP14 && reader.long(at + 4) === 0x41646f62 && length >= 14)
      color = reader.byte(at + 15) === 0 ? 'rgb' : 'ycbcr';
    const isFrame = (marker >= 0xffc0 && marker <= 0xffcf && !NO_FRAMES.has(marker)) || marker === SOF55;
    if (isFrame) {
      frame = {
        coding: marker === SOF55 ? 'jpeg-ls' : LOSSLESS_FRAMES.has(marker) ? 'jpeg-lossless' : 'jpeg',
        precision: reader.byte(at + 4),
        rows: reader.short(at + 5),
        columns: reader.short(at + 7),
        components: reader.byte(at + 9),
      };
    }
    at += 2 + Math.max(length, 2);
  }
  return undefined;
}

const SOC_SIZ = 0xff4fff51;
const COD = 0xff52;
const SOT = 0xff90;
/** Boxes before the codestream of a JP2 file are small. */
const MAX_JP2_HEADER_LENGTH = 64 * 1024;

function readJpeg2000(reader: Reader): CodestreamHeader | undefined {
  const start = startOfCodestream(reader);
  if (start === undefined) return undefined;
  // T.800 A.5.1: Lsiz and Rsiz, then the sizes of the reference grid and of the image in it.
  const siz = start + 4;
  const columns = reader.long(siz + 4) - reader.long(siz + 12);
  const rows = reader.long(siz + 8) - reader.long(siz + 16);
  const components = reader.short(siz + 36);
  const own = Array.from({ length: Math.min(components, 16) }, (_, index) => siz + 38 + index * 3);
  const precision = Math.max(0, ...own.map((at) => (reader.byte(at) & 0x7f) + 1));
  const isSubsampled = own.some((at) => reader.byte(at + 1) !== 1 || reader.byte(at + 2) !== 1);
  const isSigned = own.some((at) => reader.byte(at) >= 0x80);
  let color: CodestreamHeader['color'];
  for (let at = siz + reader.short(siz); at + 4 <= reader.length && reader.short(at) !== SOT;) {
    // T.800 A.6.1: the transformation stands behind Lcod, Scod, progression order and layers.
    if (reader.short(at) === COD) color = reader.byte(at + 8) === 1 ? 'rgb' : undefined;
    at += 2 + Math.max(reader.short(at + 2), 2);
  }
  return {
    coding: 'jpeg-2000',
    rows,
    columns,
    components,
    precision,
    isSigned,
    color,
    isPlanar: false,
    isSubsampled,
  };
}

function startOfCodestream(reader: Reader): number | undefined {
  if (reader.long(0) === SOC_SIZ) return 0;
  if (reader.long(0) !== 0x0000000c && reader.long(0) !== 0x0d0a870a) return undefined;
  const end = Math.min(reader.length, MAX_JP2_HEADER_LENGTH);
  for (let at = 4; at < end; at++) if (reader.long(at) === SOC_SIZ) return at;
  return undefined;
}
