import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createGunzip } from 'node:zlib';

import { type Entry, fromFdPromise, getFileNameLowLevel, type ZipFile } from 'yauzl';

import { type ByteSource, SourceError } from '../core/ports/byte-source.ts';
import { sourceError } from './source-file.ts';

/** Archives inside archives that are opened, the outer one included. */
export const MAX_ARCHIVE_DEPTH = 2;
const MAX_MEMBERS = 1_000_000;
/** What an archive may unpack to: so many times its own size, and this much on top for small ones. */
const MAX_RATIO = 100;
const RATIO_ALLOWANCE_BYTES = 2 * 1024 ** 3;
const CHUNK_BYTES = 256 * 1024;

export interface UnpackBounds {
  readonly maxMembers?: number;
  readonly maxRatio?: number;
  readonly allowanceBytes?: number;
}

/** Counts what comes out of one archive, archives inside it included, so that a small file cannot keep us busy for days. */
export class UnpackBudget {
  readonly #maxMembers: number;
  readonly #maxBytes: number;
  #members = 0;
  #bytes = 0;

  /** @param packedBytes size of the outer archive. */
  constructor(packedBytes: number, bounds: UnpackBounds = {}) {
    const { maxMembers = MAX_MEMBERS, maxRatio = MAX_RATIO, allowanceBytes = RATIO_ALLOWANCE_BYTES } = bounds;
    this.#maxMembers = maxMembers;
    this.#maxBytes = packedBytes * maxRatio + allowanceBytes;
  }

  /** @throws SourceError `too-large` */
  addMember(): void {
    this.#members += 1;
    if (this.#members > this.#maxMembers)
      throw new SourceError('too-large', `The archive has more than ${this.#maxMembers} members.`);
  }

  /** @throws SourceError `too-large` */
  addBytes(count: number): void {
    this.#bytes += count;
    if (this.#bytes > this.#maxBytes)
      throw new SourceError('too-large', 'The archive unpacks to far more than its own size allows.');
  }
}

/** What a gzip stream unpacks to, as a stream. */
export function gunzipped(packed: ByteSource, budget: UnpackBudget): ByteSource {
  return {
    async *read(): AsyncGenerator<Buffer, void, undefined> {
      const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
      // Its errors arrive below, through the stream that is read.
      pipeline(Readable.from(packed.read()), gunzip).catch((error: unknown) => {
        gunzip.destroy(error instanceof Error ? error : new Error(String(error)));
      });
      try {
        for await (const chunk of gunzip as AsyncIterable<Buffer>) {
          budget.addBytes(chunk.length);
          yield chunk;
        }
      } catch (error) {
        throw unpackError(error);
      }
    },
  };
}

/** One file in a ZIP archive. */
export interface ZipMember extends ByteSource {
  /** As it stands in the archive: for people to read, never a path to open. */
  readonly name: string;
  readonly bytes: number;
}

/**
 * Lists the members of a ZIP archive, folders left out.
 * @param descriptor of the archive, open for reading; stays open.
 * @throws SourceError while iterating, where the archive as such cannot be read.
 */
export async function* zipMembers(
  descriptor: number,
  budget: UnpackBudget,
): AsyncGenerator<ZipMember, void, undefined> {
  let zip: ZipFile;
  try {
    zip = await fromFdPromise(descriptor, {
      autoClose: false,
      lazyEntries: true,
      decodeStrings: false,
      validateEntrySizes: true,
    });
  } catch (error) {
    throw unpackError(error);
  }
  const entries = zip.eachEntry()[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<Entry, unknown>;
    try {
      next = await entries.next();
    } catch (error) {
      throw unpackError(error);
    }
    if (next.done === true) return;
    const entry = next.value;
    budget.addMember();
    const name = nameOf(entry);
    if (name.endsWith('/')) continue;
    yield { name, bytes: entry.uncompressedSize, read: () => readMember(zip, entry, budget) };
  }
}

function nameOf(entry: Entry): string {
  const { generalPurposeBitFlag, fileNameRaw, extraFields } = entry;
  return getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
}

async function* readMember(
  zip: ZipFile,
  entry: Entry,
  budget: UnpackBudget,
): AsyncGenerator<Buffer, void, undefined> {
  if (entry.isEncrypted()) throw new SourceError('encrypted', 'It is encrypted with a password.');
  if (!entry.canDecodeFileData()) {
    const method = entry.compressionMethod;
    throw new SourceError('unsupported', `Its compression method (${method}) is not known here.`);
  }
  let sum = 0;
  try {
    const stream = await zip.openReadStreamPromise(entry);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      budget.addBytes(chunk.length);
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch (error) {
    throw unpackError(error);
  }
  if (sum !== entry.crc32) throw new SourceError('damaged', 'Its checksum in the archive is another one.');
}

/** What the unpacking libraries say, in our terms. */
function unpackError(error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const message = error instanceof Error ? error.message : '';
  if (code === 'Z_BUF_ERROR' || /end of central directory|unexpected EOF/i.test(message)) {
    return new SourceError('truncated', 'The archive is cut off.', { cause: error });
  }
  // Everything with a code that is not zlib's comes from the operating system.
  if (typeof code === 'string' && !code.startsWith('Z_') && !code.startsWith('ERR_'))
    return sourceError(error);
  return new SourceError('damaged', 'The archive is damaged.', { cause: error });
}
