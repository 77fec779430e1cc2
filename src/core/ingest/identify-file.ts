import { Buffer } from 'node:buffer';

import { type FileMeta, PREAMBLE_LENGTH, readFileMeta } from '../../dicom/part10/file-meta.ts';
import { MEDIA_STORAGE_DIRECTORY_SOP_CLASS_UID } from '../../dicom/sop-class.ts';

/** What a file is, by its first bytes; its name has no part in it. */
export type FileKind =
  | Part10File
  /** May be a Data Set without File Meta Information; only its end tells. */
  | { readonly kind: 'data-set'; readonly offset: number }
  | { readonly kind: 'media-directory' }
  | { readonly kind: 'zip' }
  | { readonly kind: 'gzip' }
  | { readonly kind: 'empty' }
  /** Ends inside its File Meta Information. */
  | { readonly kind: 'cut-off' }
  /** `looksLike`: what else it seems to be, as a noun with its article. */
  | { readonly kind: 'unknown'; readonly looksLike?: string };

export interface Part10File {
  readonly kind: 'part-10';
  readonly meta: FileMeta;
  /** Preamble, prefix and File Meta Information as found; a missing preamble or prefix is put in front. */
  readonly fileMeta: Buffer;
  /** Where the Data Set begins in the file. */
  readonly offset: number;
}

type Identified = FileKind | { readonly kind: 'needs-more' };

/** Longest head that is ever asked for: File Meta Information is refused beyond it. */
export const MAX_HEAD_LENGTH = 1024 * 1024 + PREAMBLE_LENGTH + 16;

const PREFIX = Buffer.from('DICM', 'latin1');
const PREAMBLE = Buffer.alloc(PREAMBLE_LENGTH);
const META_START = PREAMBLE_LENGTH + PREFIX.length;
const ZIP_SIGNATURES = [0x04034b50, 0x06054b50, 0x08074b50];

const OTHER_FORMATS: readonly (readonly [signature: string, looksLike: string])[] = [
  ['%PDF', 'a PDF document'],
  ['\u00ff\u00d8\u00ff', 'a JPEG picture'],
  ['\u0089PNG', 'a PNG picture'],
  ['GIF8', 'a GIF picture'],
  ['BM', 'a bitmap picture'],
  ['MZ', 'a Windows program'],
  ['\u007fELF', 'a Linux program'],
  ["7z\u00bc\u00af'", 'a 7z archive'],
  ['Rar!', 'a RAR archive'],
  ['BZh', 'a bzip2 archive'],
  ['\u00fd7zXZ', 'an xz archive'],
  ['SQLite format 3', 'a SQLite database'],
];

/**
 * Tells what a file is.
 * @param head its bytes from the first on, as many as are there.
 * @param isAll whether these are all.
 * @returns `needs-more` where more bytes could change the answer; never with `isAll` or {@link MAX_HEAD_LENGTH} bytes.
 */
export function identifyFile(head: Buffer, isAll: boolean): Identified {
  if (head.length === 0) return { kind: isAll ? 'empty' : 'needs-more' };
  const isLong = isAll || head.length >= MAX_HEAD_LENGTH;
  if (head.length < META_START + 8 && !isLong) return { kind: 'needs-more' };

  const hasPrefix = head.subarray(PREAMBLE_LENGTH, META_START).equals(PREFIX);
  if (hasPrefix) return fromMeta(head, 0, isAll);
  if (head.subarray(0, PREFIX.length).equals(PREFIX)) {
    return fromMeta(Buffer.concat([PREAMBLE, head]), PREAMBLE_LENGTH, isAll);
  }
  if (startsWithGroup(head, 0x0002)) {
    return fromMeta(Buffer.concat([PREAMBLE, PREFIX, head]), META_START, isAll);
  }
  if (head.length >= 4 && ZIP_SIGNATURES.includes(head.readUInt32LE(0))) return { kind: 'zip' };
  if (head[0] === 0x1f && head[1] === 0x8b && head[2] === 8) return { kind: 'gzip' };
  // The SOP Class UID (0008,0016) is in every composite object, so none starts after group 0008.
  if (startsWithGroup(head, 0x0008)) return { kind: 'data-set', offset: 0 };
  return { kind: 'unknown', ...otherFormat(head) };
}

/**
 * @param whole the head with everything in front that a Part 10 file has.
 * @param added bytes of `whole` that are not in the file.
 */
function fromMeta(whole: Buffer, added: number, isAll: boolean): Identified {
  const reading = readFileMeta(whole);
  if (reading.kind === 'needs-more') return { kind: isAll ? 'cut-off' : 'needs-more' };
  // The prefix is there and no proper group after it: only the bytes that follow can tell.
  if (reading.kind === 'not-part-10') return { kind: 'data-set', offset: Math.max(0, META_START - added) };
  const meta: FileMeta = reading;
  if (meta.sopClassUid === MEDIA_STORAGE_DIRECTORY_SOP_CLASS_UID) return { kind: 'media-directory' };
  return {
    kind: 'part-10',
    meta,
    fileMeta: Buffer.from(whole.subarray(0, meta.dataSetOffset)),
    offset: meta.dataSetOffset - added,
  };
}

/** Whether the first element is of a group, in either byte order, and not beyond what an element number may be. */
function startsWithGroup(head: Buffer, group: number): boolean {
  if (head.length < 8) return false;
  return head.readUInt16LE(0) === group || (group !== 0x0002 && head.readUInt16BE(0) === group);
}

function otherFormat(head: Buffer): { looksLike?: string } {
  const start = head.toString('latin1', 0, 512);
  const known = OTHER_FORMATS.find(([signature]) => start.startsWith(signature));
  if (known !== undefined) return { looksLike: known[1] };
  if (head.toString('latin1', 257, 262) === 'ustar') return { looksLike: 'a tar archive' };
  return /^[\t\n\r\u0020-\u007e\u0080-\u00ff]+$/.test(start) ? { looksLike: 'text' } : {};
}
