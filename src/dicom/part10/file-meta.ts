import { Buffer } from 'node:buffer';

import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from '../implementation.ts';
import { parseUid, type Uid } from '../uid.ts';
import { LONG_VRS } from './element-header.ts';

/** Bytes before the `DICM` prefix, PS3.10 7.1. */
export const PREAMBLE_LENGTH = 128;
/** File Meta Information longer than this is refused: real ones are a few hundred bytes. */
export const MAX_FILE_META_LENGTH = 1024 * 1024;

const PREFIX = 'DICM';
const META_START = PREAMBLE_LENGTH + PREFIX.length;
const META_GROUP = 0x0002;
const SPACE = 0x20;

const ELEMENT = {
  groupLength: 0x0000,
  version: 0x0001,
  mediaStorageSopClassUid: 0x0002,
  mediaStorageSopInstanceUid: 0x0003,
  transferSyntaxUid: 0x0010,
  implementationClassUid: 0x0012,
  implementationVersionName: 0x0013,
  sourceApplicationEntityTitle: 0x0016,
  sendingApplicationEntityTitle: 0x0017,
  receivingApplicationEntityTitle: 0x0018,
} as const;

/** What goes into new File Meta Information. */
export interface FileMetaFields {
  readonly sopClassUid: Uid;
  readonly sopInstanceUid: Uid;
  readonly transferSyntaxUid: Uid;
  /** AE title the bytes came from: the Calling AE title. Goes into (0002,0016) and (0002,0017). */
  readonly callingAeTitle?: string | undefined;
  /** AE title they were sent to: the Called AE title. Goes into (0002,0018). */
  readonly calledAeTitle?: string | undefined;
}

/** What File Meta Information states. A value that is absent, empty or invalid is left out. */
export interface FileMeta {
  /** Bytes from the start of the file to the first element of the Data Set. */
  readonly dataSetOffset: number;
  readonly transferSyntaxUid?: Uid;
  readonly sopClassUid?: Uid;
  readonly sopInstanceUid?: Uid;
  readonly implementationClassUid?: Uid;
  readonly implementationVersionName?: string;
  readonly sourceApplicationEntityTitle?: string;
  readonly sendingApplicationEntityTitle?: string;
  readonly receivingApplicationEntityTitle?: string;
}

export interface FileMetaComplete extends FileMeta {
  readonly kind: 'complete';
}
/** Nothing wrong so far: call again with more of the file. At the end of the file it means a file cut short. */
export interface FileMetaNeedsMore {
  readonly kind: 'needs-more';
}
export interface NotPart10 {
  readonly kind: 'not-part-10';
  /** One line without patient data. */
  readonly reason: string;
}
export type FileMetaReading = FileMetaComplete | FileMetaNeedsMore | NotPart10;

/** (0002,0001): VR OB has a 32-bit length after two reserved bytes. */
const VERSION_ELEMENT = Buffer.from([2, 0, 1, 0, 0x4f, 0x42, 0, 0, 2, 0, 0, 0, 0, 1]);
/** Element header of a VR with a 16-bit length. */
const SHORT_HEADER_LENGTH = 8;

/** Text elements of group 0002, in ascending order of their tags. */
type TextElements = readonly (readonly [element: number, vr: 'UI' | 'SH' | 'AE', text: string])[];

function textElements(fields: FileMetaFields): TextElements {
  const { callingAeTitle, calledAeTitle } = fields;
  return [
    [ELEMENT.mediaStorageSopClassUid, 'UI', fields.sopClassUid],
    [ELEMENT.mediaStorageSopInstanceUid, 'UI', fields.sopInstanceUid],
    [ELEMENT.transferSyntaxUid, 'UI', fields.transferSyntaxUid],
    [ELEMENT.implementationClassUid, 'UI', IMPLEMENTATION_CLASS_UID],
    [ELEMENT.implementationVersionName, 'SH', IMPLEMENTATION_VERSION_NAME],
    ...(callingAeTitle === undefined
      ? []
      : ([
          [ELEMENT.sourceApplicationEntityTitle, 'AE', callingAeTitle],
          [ELEMENT.sendingApplicationEntityTitle, 'AE', callingAeTitle],
        ] as const)),
    ...(calledAeTitle === undefined
      ? []
      : ([[ELEMENT.receivingApplicationEntityTitle, 'AE', calledAeTitle]] as const)),
  ];
}

const evenLength = (length: number): number => length + (length % 2);

/** @returns where its value begins. */
function writeShortHeader(target: Buffer, at: number, element: number, vr: string, length: number): number {
  target.writeUInt16LE(META_GROUP, at);
  target.writeUInt16LE(element, at + 2);
  target.write(vr, at + 4, 'latin1');
  target.writeUInt16LE(length, at + 6);
  return at + SHORT_HEADER_LENGTH;
}

/**
 * Builds what precedes a Data Set in a Part 10 file (PS3.10 7.1): a zeroed preamble, the prefix, and group 0002 in
 * Explicit VR Little Endian.
 */
export function writeFileMeta(fields: FileMetaFields): Buffer {
  const texts = textElements(fields);
  let groupLength = VERSION_ELEMENT.length;
  for (const [, , text] of texts) groupLength += SHORT_HEADER_LENGTH + evenLength(text.length);
  const groupStart = META_START + SHORT_HEADER_LENGTH + 4;
  // Zeroed: the preamble, and the padding of UIDs.
  const bytes = Buffer.alloc(groupStart + groupLength);
  bytes.write(PREFIX, PREAMBLE_LENGTH, 'latin1');
  bytes.writeUInt32LE(groupLength, writeShortHeader(bytes, META_START, ELEMENT.groupLength, 'UL', 4));
  let at = groupStart + VERSION_ELEMENT.copy(bytes, groupStart);
  for (const [element, vr, text] of texts) {
    const length = evenLength(text.length);
    const value = writeShortHeader(bytes, at, element, vr, length);
    bytes.write(text, value, 'latin1');
    if (length > text.length && vr !== 'UI') bytes[value + text.length] = SPACE;
    at = value + length;
  }
  return bytes;
}

interface MetaElement {
  readonly element: number;
  readonly valueStart: number;
  readonly valueLength: number;
}

/** Reads the header at `offset`; undefined where the bytes end before it does. */
function readElementHeader(bytes: Buffer, offset: number): MetaElement | undefined {
  if (offset + 8 > bytes.length) return undefined;
  const element = bytes.readUInt16LE(offset + 2);
  const vr = bytes.toString('latin1', offset + 4, offset + 6);
  if (LONG_VRS.has(vr)) {
    if (offset + 12 > bytes.length) return undefined;
    return { element, valueStart: offset + 12, valueLength: bytes.readUInt32LE(offset + 8) };
  }
  // Some old writers encode the group in Implicit VR; a length of less than 16 KiB never spells two capitals.
  const valueLength = /^[A-Z]{2}$/.test(vr) ? bytes.readUInt16LE(offset + 6) : bytes.readUInt32LE(offset + 4);
  return { element, valueStart: offset + 8, valueLength };
}

function trimmedText(value: string): string | undefined {
  const text = value.replace(/\0+$/, '').trim();
  return text === '' ? undefined : text;
}

function describeMeta(values: ReadonlyMap<number, string>, dataSetOffset: number): FileMetaComplete {
  const asUid = (element: number) => parseUid(values.get(element) ?? '');
  const asText = (element: number) => trimmedText(values.get(element) ?? '');
  const fields = {
    transferSyntaxUid: asUid(ELEMENT.transferSyntaxUid),
    sopClassUid: asUid(ELEMENT.mediaStorageSopClassUid),
    sopInstanceUid: asUid(ELEMENT.mediaStorageSopInstanceUid),
    implementationClassUid: asUid(ELEMENT.implementationClassUid),
    implementationVersionName: asText(ELEMENT.implementationVersionName),
    sourceApplicationEntityTitle: asText(ELEMENT.sourceApplicationEntityTitle),
    sendingApplicationEntityTitle: asText(ELEMENT.sendingApplicationEntityTitle),
    receivingApplicationEntityTitle: asText(ELEMENT.receivingApplicationEntityTitle),
  };
  const present = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return { kind: 'complete', dataSetOffset, ...present };
}

const KEPT: ReadonlySet<number> = new Set(Object.values(ELEMENT));
/** Longest value looked at: every kept element is a UID or a short text. */
const MAX_KEPT_LENGTH = 256;

/**
 * Reads the preamble and File Meta Information at the start of a file. The group is walked to its end, so a missing
 * or wrong group length does no harm; its values are not checked against each other.
 * @param bytes the file from its first byte, as much as is there; nothing of it is kept.
 */
export function readFileMeta(bytes: Buffer): FileMetaReading {
  if (bytes.length < META_START) {
    const expected = PREFIX.slice(0, Math.max(0, bytes.length - PREAMBLE_LENGTH));
    return bytes.toString('latin1', PREAMBLE_LENGTH, bytes.length) === expected
      ? { kind: 'needs-more' }
      : { kind: 'not-part-10', reason: 'No DICM prefix at byte 128.' };
  }
  if (bytes.toString('latin1', PREAMBLE_LENGTH, META_START) !== PREFIX) {
    return { kind: 'not-part-10', reason: 'No DICM prefix at byte 128.' };
  }
  const values = new Map<number, string>();
  let offset = META_START;
  for (;;) {
    if (offset + 2 > bytes.length) return { kind: 'needs-more' };
    if (bytes.readUInt16LE(offset) !== META_GROUP) break;
    const header = readElementHeader(bytes, offset);
    if (header === undefined) return { kind: 'needs-more' };
    const end = header.valueStart + header.valueLength;
    if (end > MAX_FILE_META_LENGTH) {
      return { kind: 'not-part-10', reason: 'File Meta Information is longer than 1 MiB.' };
    }
    if (end > bytes.length) return { kind: 'needs-more' };
    if (KEPT.has(header.element) && header.valueLength <= MAX_KEPT_LENGTH) {
      values.set(header.element, bytes.toString('latin1', header.valueStart, end));
    }
    offset = end;
  }
  if (offset === META_START) {
    return { kind: 'not-part-10', reason: 'No File Meta Information after the DICM prefix.' };
  }
  return describeMeta(values, offset);
}
