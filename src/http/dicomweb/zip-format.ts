import { Buffer } from 'node:buffer';

/*
 * ZIP files of stored (not compressed) entries, written from front to back: APPNOTE.TXT 6.3. CRC-32 and sizes follow each
 * entry's bytes in a data descriptor, because the CRC-32 is not known before they have been read. ZIP64 only where it is
 * needed: entries or files from 4 GiB on, and from 65,535 entries on.
 */

/** An entry before its bytes have been read. */
export interface ZipEntry {
  /** ASCII. */
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** An entry that has been written. */
export interface WrittenZipEntry extends ZipEntry {
  readonly crc32: number;
  /** Where its local header begins. */
  readonly offset: number;
}

const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const ZIP64_END_BYTES = 56 + 20;
const ZIP64_EXTRA_BYTES = 28;
const MAX_32 = 0xffff_ffff;
const MAX_16 = 0xffff;
const VERSION = 20;
const ZIP64_VERSION = 45;
/** Unix, whose file modes the directory has. */
const MADE_BY = (3 << 8) | ZIP64_VERSION;
const HAS_DESCRIPTOR = 1 << 3;
/** A regular file that its owner may write and everybody read. */
const FILE_ATTRIBUTES = (0o100644 << 16) >>> 0;

const isLarge = ({ bytes }: Pick<ZipEntry, 'bytes'>): boolean => bytes >= MAX_32;
const isFar = (entry: Pick<WrittenZipEntry, 'bytes' | 'offset'>): boolean =>
  isLarge(entry) || entry.offset >= MAX_32;

/** What stands before the bytes of an entry. */
export function zipLocalHeader(entry: ZipEntry): Buffer {
  const header = Buffer.alloc(LOCAL_BYTES + entry.name.length);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(isLarge(entry) ? ZIP64_VERSION : VERSION, 4);
  header.writeUInt16LE(HAS_DESCRIPTOR, 6);
  header.writeUInt32LE(dosTime(entry.modifiedAt), 10);
  header.writeUInt16LE(entry.name.length, 26);
  header.write(entry.name, LOCAL_BYTES, 'latin1');
  return header;
}

/** What stands behind the bytes of an entry. */
export function zipDescriptor({ bytes, crc32 }: Pick<WrittenZipEntry, 'bytes' | 'crc32'>): Buffer {
  const descriptor = Buffer.alloc(descriptorBytes({ bytes }));
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(crc32, 4);
  if (isLarge({ bytes })) {
    descriptor.writeBigUInt64LE(BigInt(bytes), 8);
    descriptor.writeBigUInt64LE(BigInt(bytes), 16);
  } else {
    descriptor.writeUInt32LE(bytes, 8);
    descriptor.writeUInt32LE(bytes, 12);
  }
  return descriptor;
}

/** The directory entry of an entry. */
export function zipCentralHeader(entry: WrittenZipEntry): Buffer {
  const { name, bytes, offset } = entry;
  const far = isFar(entry);
  const header = Buffer.alloc(centralBytes(entry));
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(MADE_BY, 4);
  header.writeUInt16LE(far ? ZIP64_VERSION : VERSION, 6);
  header.writeUInt16LE(HAS_DESCRIPTOR, 8);
  header.writeUInt32LE(dosTime(entry.modifiedAt), 12);
  header.writeUInt32LE(entry.crc32, 16);
  header.writeUInt32LE(far ? MAX_32 : bytes, 20);
  header.writeUInt32LE(far ? MAX_32 : bytes, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(far ? ZIP64_EXTRA_BYTES : 0, 30);
  header.writeUInt32LE(FILE_ATTRIBUTES, 38);
  header.writeUInt32LE(far ? MAX_32 : offset, 42);
  header.write(name, CENTRAL_BYTES, 'latin1');
  if (far) {
    const extra = CENTRAL_BYTES + name.length;
    header.writeUInt16LE(1, extra);
    header.writeUInt16LE(ZIP64_EXTRA_BYTES - 4, extra + 2);
    header.writeBigUInt64LE(BigInt(bytes), extra + 4);
    header.writeBigUInt64LE(BigInt(bytes), extra + 12);
    header.writeBigUInt64LE(BigInt(offset), extra + 20);
  }
  return header;
}

/**
 * What stands at the end of the file.
 * @param offset where the directory begins. @param bytes its length.
 */
export function zipEnd(entries: number, offset: number, bytes: number): Buffer {
  const is64 = needsZip64End(entries, offset, bytes);
  const end = Buffer.alloc((is64 ? ZIP64_END_BYTES : 0) + END_BYTES);
  let at = 0;
  if (is64) {
    end.writeUInt32LE(0x06064b50, 0);
    end.writeBigUInt64LE(44n, 4);
    end.writeUInt16LE(MADE_BY, 12);
    end.writeUInt16LE(ZIP64_VERSION, 14);
    end.writeBigUInt64LE(BigInt(entries), 24);
    end.writeBigUInt64LE(BigInt(entries), 32);
    end.writeBigUInt64LE(BigInt(bytes), 40);
    end.writeBigUInt64LE(BigInt(offset), 48);
    end.writeUInt32LE(0x07064b50, 56);
    end.writeBigUInt64LE(BigInt(offset + bytes), 64);
    end.writeUInt32LE(1, 72);
    at = ZIP64_END_BYTES;
  }
  end.writeUInt32LE(0x06054b50, at);
  end.writeUInt16LE(Math.min(entries, MAX_16), at + 8);
  end.writeUInt16LE(Math.min(entries, MAX_16), at + 10);
  end.writeUInt32LE(Math.min(bytes, MAX_32), at + 12);
  end.writeUInt32LE(Math.min(offset, MAX_32), at + 16);
  return end;
}

/** Length of a whole file of these entries. */
export function zipBytes(entries: Iterable<Pick<ZipEntry, 'name' | 'bytes'>>): number {
  let count = 0;
  let offset = 0;
  let directory = 0;
  for (const { name, bytes } of entries) {
    directory += centralBytes({ name, bytes, offset });
    offset += LOCAL_BYTES + name.length + bytes + descriptorBytes({ bytes });
    count += 1;
  }
  const end = (needsZip64End(count, offset, directory) ? ZIP64_END_BYTES : 0) + END_BYTES;
  return offset + directory + end;
}

function descriptorBytes(entry: Pick<ZipEntry, 'bytes'>): number {
  return isLarge(entry) ? 24 : 16;
}

function centralBytes(entry: Pick<WrittenZipEntry, 'name' | 'bytes' | 'offset'>): number {
  return CENTRAL_BYTES + entry.name.length + (isFar(entry) ? ZIP64_EXTRA_BYTES : 0);
}

function needsZip64End(entries: number, offset: number, bytes: number): boolean {
  return entries >= MAX_16 || offset >= MAX_32 || bytes >= MAX_32;
}

/** Time in the low, date in the high 16 bits; in UTC, from 1980 on, in steps of two seconds. */
function dosTime(milliseconds: number): number {
  const at = new Date(milliseconds);
  const year = Math.min(Math.max(at.getUTCFullYear() - 1980, 0), 127);
  const date = (year << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate();
  const time = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1);
  return ((date << 16) | time) >>> 0;
}
