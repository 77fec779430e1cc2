import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { LRUCache } from 'lru-cache';

import type { MetadataStore, PreparedMetadata, SeriesKey } from '../../core/ports/metadata-store.ts';
import { parseCustomerKey } from '../../core/study/instance.ts';
import type { StudyKey } from '../../core/study/instance.ts';
import { parseUid } from '../../dicom/uid.ts';
import { EMPTY_PART, joinParts, storedPart } from '../../platform/gzip-parts.ts';
import type { GzipPart } from '../../platform/gzip-parts.ts';
import { closeFile, errnoOf, openFile, readAt, statOpen, storeError } from '../file-calls.ts';

/** Last bytes of a file: a length and this. */
const MAGIC = Buffer.from('AvaraMD1');
const TRAILER_BYTES = 4 + MAGIC.length;
const MAX_DESCRIPTION_BYTES = 4096;
const CHECK_BYTES = 256 * 1024;
/** Files whose bytes were found right since the start, so that they are read once for the check. */
const MAX_CHECKED = 10_000;
const UNFINISHED = /^\..*\.part$/;

/** What stands behind the deflated blocks. */
interface Description {
  readonly stamp: string;
  readonly json: GzipPart;
  /** CRC-32 of the deflated blocks. */
  readonly crc32: number;
}

/**
 * Keeps `metadata/<customer>/<study>/<series>.deflate`: the deflated blocks, then a description of them. Files are put
 * in place by renaming, without syncs: one that power failure spoils is found by its sums.
 */
export function createMetadataStore({ dataDir }: { readonly dataDir: string }): MetadataStore {
  const root = path.join(dataDir, 'metadata');
  const createdAt = Date.now();
  const checked = new LRUCache<string, string>({ max: MAX_CHECKED });
  const studyFolder = ({ customer, studyInstanceUid }: StudyKey): string =>
    path.join(root, customer, studyInstanceUid);
  const fileOf = (series: SeriesKey): string =>
    path.join(studyFolder(series), `${series.seriesInstanceUid}.deflate`);

  return {
    async open(series, stamp) {
      const file = fileOf(series);
      const fd = await openFile(file, 'r').catch((error: unknown) => {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw storeError('open prepared metadata', error);
      });
      if (fd === undefined) return undefined;
      let opened: PreparedMetadata | undefined;
      try {
        opened = await readPrepared(fd, file, stamp, checked);
        return opened;
      } finally {
        if (opened === undefined) await closeFile(fd);
      }
    },

    async write(series, stamp, parts) {
      const folder = studyFolder(series);
      await fs.mkdir(folder, { recursive: true, mode: 0o750 });
      const unfinished = path.join(folder, `.${randomBytes(8).toString('hex')}.part`);
      try {
        const handle = await fs.open(unfinished, 'wx', 0o640);
        try {
          let json = EMPTY_PART;
          let sum = 0;
          const append = async (deflated: Uint8Array, part: GzipPart): Promise<void> => {
            json = joinParts(json, part);
            sum = crc32(deflated, sum);
            await handle.appendFile(deflated);
          };
          const comma = storedPart(',');
          for await (const part of parts) {
            if (json.bytes > 0) await append(comma.deflated, comma.part);
            await append(part.deflated, part);
          }
          await handle.appendFile(describe({ stamp, json, crc32: sum }));
        } finally {
          await handle.close();
        }
        await fs.rename(unfinished, fileOf(series));
      } catch (error) {
        await fs.rm(unfinished, { force: true });
        throw error;
      }
    },

    async drop(study) {
      await fs.rm(studyFolder(study), { recursive: true, force: true });
    },

    async sweep(isThere) {
      for (const customerFolder of await foldersOf(root)) {
        const customer = parseCustomerKey(customerFolder);
        if (customer === undefined) continue;
        for (const studyName of await foldersOf(path.join(root, customer))) {
          const studyInstanceUid = parseUid(studyName);
          if (studyInstanceUid === undefined) continue;
          const study = { customer, studyInstanceUid };
          if (!isThere(study)) await this.drop(study);
          else await removeUnfinished(studyFolder(study), createdAt);
        }
      }
    },
  };
}

function describe(description: Description): Buffer {
  const json = Buffer.from(JSON.stringify(description));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([json, length, MAGIC]);
}

/** @returns undefined where the file is not what its stamp and sums want it to be. */
async function readPrepared(
  fd: number,
  file: string,
  stamp: string,
  checked: LRUCache<string, string>,
): Promise<PreparedMetadata | undefined> {
  const { size, mtimeMs, ino } = await statOpen(fd);
  const tail = Buffer.alloc(Math.min(size, MAX_DESCRIPTION_BYTES + TRAILER_BYTES));
  if ((await readFully(fd, tail, size - tail.length)) < tail.length) return undefined;
  const description = parseDescription(tail);
  if (description?.stamp !== stamp) return undefined;
  const deflatedBytes = size - description.totalBytes;
  const state = `${ino} ${mtimeMs} ${size}`;
  if (checked.get(file) !== state) {
    if ((await sumOf(fd, deflatedBytes)) !== description.crc32) return undefined;
    checked.set(file, state);
  }
  return {
    ...description.json,
    deflatedBytes,
    read: (target, position) =>
      position >= deflatedBytes
        ? Promise.resolve(0)
        : readAt(fd, target.subarray(0, deflatedBytes - position), position),
    close: () => closeFile(fd),
  };
}

/** @param tail the last bytes of a file. */
function parseDescription(tail: Buffer): (Description & { readonly totalBytes: number }) | undefined {
  const end = tail.length - TRAILER_BYTES;
  if (end < 0 || !tail.subarray(end + 4).equals(MAGIC)) return undefined;
  const length = tail.readUInt32LE(end);
  if (length > end) return undefined;
  try {
    const description = JSON.parse(tail.toString('utf8', end - length, end)) as Description;
    return { ...description, totalBytes: length + TRAILER_BYTES };
  } catch {
    return undefined;
  }
}

async function sumOf(fd: number, bytes: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(bytes, CHECK_BYTES));
  let sum = 0;
  for (let position = 0; position < bytes;) {
    const piece = buffer.subarray(0, Math.min(buffer.length, bytes - position));
    const read = await readFully(fd, piece, position);
    sum = crc32(piece.subarray(0, read), sum);
    if (read < piece.length) break;
    position += read;
  }
  return sum;
}

async function readFully(fd: number, target: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < target.length) {
    const bytes = await readAt(fd, target.subarray(filled), position + filled);
    if (bytes === 0) break;
    filled += bytes;
  }
  return filled;
}

async function foldersOf(folder: string): Promise<readonly string[]> {
  try {
    const entries = await fs.readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw storeError('look for prepared metadata', error);
  }
}

/** Removes what an earlier process has left; our own are being written. */
async function removeUnfinished(folder: string, before: number): Promise<void> {
  for (const name of await fs.readdir(folder)) {
    if (!UNFINISHED.test(name)) continue;
    const file = path.join(folder, name);
    if ((await fs.stat(file)).mtimeMs < before) await fs.rm(file, { force: true });
  }
}
