import { Buffer } from 'node:buffer';

import {
  ITEM_DELIMITATION_TAG,
  ITEM_TAG,
  LONG_VRS,
  SEQUENCE_DELIMITATION_TAG,
  UNDEFINED_LENGTH,
} from '../part10/element-header.ts';
import type { ElementEncoding } from '../part10/element-header.ts';
import { vrText } from '../part10/element-header.ts';
import { walkDataSet } from './walk-data-set.ts';

export interface ReencodeOptions {
  readonly encoding: ElementEncoding;
  /** VR of an attribute where the encoding does not say it; undefined for unknown and private ones. */
  readonly vrOf: (tag: number) => string | undefined;
  /** Elements of the Data Set itself to put in, in place of those that are there. */
  readonly replace?: ReadonlyMap<number, { readonly vr: string; readonly value: Buffer }>;
  readonly endBefore?: number;
}

const NOTHING: NonNullable<ReencodeOptions['replace']> = new Map();
/** Longest value with a 16-bit length field. */
const MAX_SHORT_LENGTH = 0xfffe;
/** Bytes per number in VRs whose byte order matters. */
const NUMBER_BYTES: Readonly<Record<string, 2 | 4 | 8>> = {
  AT: 2,
  OW: 2,
  SS: 2,
  US: 2,
  FL: 4,
  OF: 4,
  OL: 4,
  SL: 4,
  UL: 4,
  FD: 8,
  OD: 8,
  OV: 8,
  SV: 8,
  UV: 8,
};
const ZERO_PADDED = /^(?:O.|U[INV]|AT|S[LSV]|F[DL]|U[LS])$/;

/**
 * Writes a Data Set anew in Explicit VR Little Endian (PS3.5 A.2). Values stay as they are, but for the byte order of
 * numbers; sequences and items end at delimiters; group lengths, which would be wrong, are left out.
 * @throws DataSetError where it does not hold together.
 */
export function toExplicitLittleEndian(bytes: Buffer, options: ReencodeOptions): Buffer {
  const { encoding, vrOf, replace = NOTHING, endBefore = Infinity } = options;
  const chunks: Buffer[] = [];
  let depth = 0;
  const pending = [...replace.entries()].sort(([a], [b]) => a - b);

  function put(tag: number, vr: string, value: Buffer): void {
    const isTooLong = !LONG_VRS.has(vr) && value.length > MAX_SHORT_LENGTH;
    // PS3.5 6.2.2: what does not fit into the length field of its VR goes as UN.
    const written = isTooLong ? 'UN' : vr;
    const isOdd = value.length % 2 === 1;
    chunks.push(header(tag, written, value.length + (isOdd ? 1 : 0)), value);
    if (isOdd) chunks.push(Buffer.from([ZERO_PADDED.test(vr) ? 0 : 0x20]));
  }

  /** Writes the replacements that come before `tag`. */
  function putPending(tag: number): void {
    for (let [first] = pending; first !== undefined && first[0] < tag; [first] = pending) {
      put(first[0], first[1].vr, first[1].value);
      pending.shift();
    }
  }

  walkDataSet(bytes, {
    encoding,
    sequences: { has: (tag) => !encoding.explicitVr && vrOf(tag) === 'SQ' },
    endBefore,
    visitor: {
      element(tag, value, code) {
        if (tag % 0x10000 === 0) return;
        if (depth === 0) {
          putPending(tag);
          if (replace.has(tag)) return;
        }
        const vr = vrText(code) ?? vrOf(tag) ?? 'UN';
        put(tag, vr, encoding.littleEndian ? value : swapped(value, vr));
      },
      beginSequence(tag) {
        if (depth === 0) putPending(tag);
        depth += 1;
        chunks.push(header(tag, 'SQ', UNDEFINED_LENGTH));
      },
      beginItem: () => chunks.push(delimiter(ITEM_TAG, UNDEFINED_LENGTH)),
      endItem: () => chunks.push(delimiter(ITEM_DELIMITATION_TAG, 0)),
      endSequence() {
        depth -= 1;
        chunks.push(delimiter(SEQUENCE_DELIMITATION_TAG, 0));
      },
    },
  });
  putPending(Infinity);
  return Buffer.concat(chunks);
}

/** The header of an element in Explicit VR Little Endian (PS3.5 7.1.2). */
export function header(tag: number, vr: string, length: number): Buffer {
  const isLong = LONG_VRS.has(vr);
  const bytes = Buffer.alloc(isLong ? 12 : 8);
  bytes.writeUInt16LE(Math.floor(tag / 0x10000), 0);
  bytes.writeUInt16LE(tag % 0x10000, 2);
  bytes.write(vr, 4, 'latin1');
  if (isLong) bytes.writeUInt32LE(length, 8);
  else bytes.writeUInt16LE(length, 6);
  return bytes;
}

/** An item or delimiter header (PS3.5 7.5). */
export function delimiter(tag: number, length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(Math.floor(tag / 0x10000), 0);
  bytes.writeUInt16LE(tag % 0x10000, 2);
  bytes.writeUInt32LE(length, 4);
  return bytes;
}

function swapped(value: Buffer, vr: string): Buffer {
  const size = NUMBER_BYTES[vr];
  if (size === undefined || value.length % size !== 0) return value;
  const copy = Buffer.from(value);
  return size === 2 ? copy.swap16() : size === 4 ? copy.swap32() : copy.swap64();
}
