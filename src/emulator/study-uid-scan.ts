import { constants, inflateRawSync } from 'node:zlib';
import {
  ITEM_DELIMITATION_TAG as ITEM_DELIMITATION,
  ITEM_TAG as ITEM,
  LONG_VRS,
  SEQUENCE_DELIMITATION_TAG as SEQUENCE_DELIMITATION,
  UNDEFINED_LENGTH,
} from '../dicom/part10/element-header.ts';
import type { TransferSyntax } from '../dicom/transfer-syntax.ts';

const STUDY_INSTANCE_UID = 0x0020000d;

/** Bytes of a deflated Data Set that are inflated: at deflate's best, 1:1032, they make 32 MiB. */
const MAX_INFLATED_FROM = 32 * 1024;

interface ElementHeader {
  readonly tag: number;
  readonly vr: string | undefined;
  readonly valueStart: number;
  readonly length: number;
}

/**
 * Finds the Study Instance UID (0020,000D) at the top level of a Data Set.
 * @param head the Data Set from its first byte, as much as is at hand.
 * @param syntax how it is encoded; a deflated one is inflated first.
 * @returns undefined where the element is absent, or lies beyond `head`.
 */
export function findStudyInstanceUid(head: Buffer, syntax: TransferSyntax): string | undefined {
  try {
    return scan(syntax.deflated ? inflateHead(head) : head, syntax);
  } catch (error) {
    // Reading past the end, or a stream that does not inflate: nothing to be found in it.
    if (error instanceof RangeError || (error instanceof Error && 'errno' in error)) return undefined;
    throw error;
  }
}

function inflateHead(head: Buffer): Buffer {
  // The stream may be cut: whatever comes out up to there is wanted.
  return inflateRawSync(head.subarray(0, MAX_INFLATED_FROM), { finishFlush: constants.Z_SYNC_FLUSH });
}

function scan(bytes: Buffer, syntax: TransferSyntax): string | undefined {
  const uint16 = (at: number) => (syntax.littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const uint32 = (at: number) => (syntax.littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));

  function readHeader(at: number, isExplicit: boolean): ElementHeader {
    const tag = uint16(at) * 0x10000 + uint16(at + 2);
    const isDelimiter = tag === ITEM || tag === ITEM_DELIMITATION || tag === SEQUENCE_DELIMITATION;
    if (!isExplicit || isDelimiter) return { tag, vr: undefined, valueStart: at + 8, length: uint32(at + 4) };
    const vr = bytes.toString('latin1', at + 4, at + 6);
    return LONG_VRS.has(vr)
      ? { tag, vr, valueStart: at + 12, length: uint32(at + 8) }
      : { tag, vr, valueStart: at + 8, length: uint16(at + 6) };
  }

  // One entry per open Sequence of undefined length: whether VRs are explicit within it.
  const open: boolean[] = [];
  let at = 0;
  while (at < bytes.length) {
    const header = readHeader(at, open.at(-1) ?? syntax.explicitVr);
    const { tag, vr, valueStart, length } = header;
    if (tag === SEQUENCE_DELIMITATION) open.pop();
    if (open.length === 0 && tag === STUDY_INSTANCE_UID) {
      if (valueStart + length > bytes.length) return undefined;
      return bytes.toString('latin1', valueStart, valueStart + length).replace(/[\0 ]+$/, '');
    }
    if (open.length === 0 && tag > STUDY_INSTANCE_UID && tag < ITEM) return undefined;
    if (length !== UNDEFINED_LENGTH) {
      at = valueStart + length;
      continue;
    }
    // A UN of undefined length holds Implicit VR, PS3.5 6.2.2.
    if (tag !== ITEM) open.push((open.at(-1) ?? syntax.explicitVr) && vr !== 'UN');
    at = valueStart;
  }
  return undefined;
}
