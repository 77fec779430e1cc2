import { Buffer } from 'node:buffer';

/** The encodings of PS3.5 annex A, as far as elements are concerned. */
export interface BuilderEncoding {
  readonly explicitVr: boolean;
  readonly littleEndian: boolean;
}

const LONG_FORM = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);
const UNDEFINED = 0xffffffff;

/** Makes Data Sets byte by byte, right or deliberately wrong; written apart from the code under test. */
export function createDataSetBuilder({ explicitVr, littleEndian }: BuilderEncoding) {
  function number16(value: number): Buffer {
    const bytes = Buffer.alloc(2);
    if (littleEndian) bytes.writeUInt16LE(value);
    else bytes.writeUInt16BE(value);
    return bytes;
  }

  function number32(value: number): Buffer {
    const bytes = Buffer.alloc(4);
    if (littleEndian) bytes.writeUInt32LE(value);
    else bytes.writeUInt32BE(value);
    return bytes;
  }

  function tagBytes(tag: number): Buffer {
    return Buffer.concat([number16(Math.floor(tag / 0x10000)), number16(tag % 0x10000)]);
  }

  /** Header alone, with any length, true or not. */
  function header(tag: number, vr: string, length: number): Buffer {
    if (!explicitVr || tag >= 0xfffee000) return Buffer.concat([tagBytes(tag), number32(length)]);
    const letters = Buffer.from(vr, 'latin1');
    return LONG_FORM.has(vr)
      ? Buffer.concat([tagBytes(tag), letters, Buffer.alloc(2), number32(length)])
      : Buffer.concat([tagBytes(tag), letters, number16(length)]);
  }

  /** An element; text is padded to even length. */
  function element(tag: number, vr: string, value: string | Buffer): Buffer {
    let bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
    if (typeof value === 'string' && bytes.length % 2 === 1) {
      bytes = Buffer.concat([bytes, Buffer.from(vr === 'UI' ? '\0' : ' ')]);
    }
    return Buffer.concat([header(tag, vr, bytes.length), bytes]);
  }

  function wrap(tag: number, vr: string, content: Buffer, end: number | undefined): Buffer {
    return end === undefined
      ? Buffer.concat([header(tag, vr, content.length), content])
      : Buffer.concat([header(tag, vr, UNDEFINED), content, tagBytes(end), number32(0)]);
  }

  return {
    number16,
    number32,
    header,
    element,
    /** An item of the given elements, of defined or undefined length. */
    item: (content: readonly Buffer[], undefinedLength = false): Buffer =>
      wrap(0xfffee000, '', Buffer.concat(content), undefinedLength ? 0xfffee00d : undefined),
    /** A sequence of the given items, of defined or undefined length. */
    sequence: (tag: number, items: readonly Buffer[], undefinedLength = false, vr = 'SQ'): Buffer =>
      wrap(tag, vr, Buffer.concat(items), undefinedLength ? 0xfffee0dd : undefined),
    /** Encapsulated Pixel Data of the given fragments. */
    fragments: (fragments: readonly Buffer[], tag = 0x7fe00010, vr = 'OB'): Buffer =>
      wrap(
        tag,
        vr,
        Buffer.concat(fragments.map((fragment) => wrap(0xfffee000, '', fragment, undefined))),
        0xfffee0dd,
      ),
  };
}

export type DataSetBuilder = ReturnType<typeof createDataSetBuilder>;
