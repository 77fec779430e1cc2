import { Buffer } from 'node:buffer';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflate, createInflateRaw } from 'node:zlib';

/** Default bound on what is inflated: headers end long before, and a deflate bomb gets no further. */
export const MAX_INFLATED_PREFIX_LENGTH = 16 * 1024 * 1024;

export interface InflatedPrefix {
  readonly bytes: Buffer;
  /**
   * Why the bytes end where they do: the stream is over, the bound was reached (there may be more), the input
   * ended inside the stream, or it is not a deflate stream from that point on.
   */
  readonly ending: 'end-of-stream' | 'bound' | 'cut-off' | 'corrupt';
}

export interface InflateOptions {
  /** In bytes. Default {@link MAX_INFLATED_PREFIX_LENGTH}. */
  readonly maxLength?: number;
}

/**
 * Tells whether a stream has the zlib header that PS3.5 A.5 does not allow and some writers add. Its first byte would
 * open a stored block in a raw stream, which is recognized by its length and complement.
 */
export function hasZlibHeader(bytes: Buffer): boolean {
  if (bytes.length < 5) return false;
  const header = bytes.readUInt16BE(0);
  const isStoredBlock = (bytes.readUInt16LE(1) ^ bytes.readUInt16LE(3)) === 0xffff;
  return (header & 0x0f00) === 0x0800 && (header & 0x20) === 0 && header % 31 === 0 && !isStoredBlock;
}

/**
 * Inflates the start of a Data Set in a deflated Transfer Syntax (PS3.5 A.5), in a thread of its own.
 * @param bytes the deflated Data Set or its start; not kept.
 * @returns what could be inflated and why it ends there. Never rejects.
 */
export function inflateDataSet(bytes: Buffer, options: InflateOptions = {}): Promise<InflatedPrefix> {
  const { maxLength = MAX_INFLATED_PREFIX_LENGTH } = options;
  const inflate = hasZlibHeader(bytes) ? createInflate() : createInflateRaw();
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve) => {
    const settle = (ending: InflatedPrefix['ending']) => {
      resolve({ bytes: Buffer.concat(chunks, length), ending });
      inflate.destroy();
    };
    inflate.on('data', (chunk: Buffer) => {
      const kept = chunk.subarray(0, maxLength - length);
      chunks.push(kept);
      length += kept.length;
      if (kept.length < chunk.length) settle('bound');
    });
    inflate.on('end', () => settle('end-of-stream'));
    inflate.on('error', (error: NodeJS.ErrnoException) =>
      settle(error.code === 'Z_BUF_ERROR' ? 'cut-off' : 'corrupt'),
    );
    inflate.end(bytes);
  });
}

/**
 * Inflates a Data Set to its end and throws the result away, to learn whether all of it is there. Memory stays
 * constant whatever it inflates to.
 * @throws whatever reading `bytes` throws.
 */
export async function checkDeflatedEnd(
  bytes: AsyncIterable<Buffer>,
): Promise<'end-of-stream' | 'cut-off' | 'corrupt'> {
  const rest = bytes[Symbol.asyncIterator]();
  const first = await rest.next();
  if (first.done === true) return 'cut-off';
  const start: Buffer = first.value;
  async function* all(): AsyncGenerator<Buffer, void, undefined> {
    yield start;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  }
  const discard = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    await pipeline(all(), hasZlibHeader(start) ? createInflate() : createInflateRaw(), discard);
    return 'end-of-stream';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'Z_BUF_ERROR') return 'cut-off';
    if (typeof code === 'string' && code.startsWith('Z_')) return 'corrupt';
    throw error;
  }
}
