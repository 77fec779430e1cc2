import { Buffer } from 'node:buffer';
import type { PreparedMetadata } from '../../core/ports/metadata-store.ts';
import { EMPTY_PART, GZIP_HEADER, gzipEnd, joinParts, storedPart } from '../../platform/gzip-parts.ts';

const READ_BYTES = 128 * 1024;
const OPEN = storedPart('[');
const COMMA = storedPart(',');
const CLOSE = storedPart(']');
/** Of everything around one series. */
const FRAME_BYTES = GZIP_HEADER.length + OPEN.deflated.length + CLOSE.deflated.length + 10;

/** Length of the body that has one series. */
export function metadataBodyBytes(series: Pick<PreparedMetadata, 'deflatedBytes'>): number {
  return FRAME_BYTES + series.deflatedBytes;
}

/**
 * The JSON array of all instances as one gzip stream, put together from prepared series without inflating them.
 * @param series opened one after the other, and closed here.
 */
export async function* metadataBody(
  series: Iterable<PreparedMetadata> | AsyncIterable<PreparedMetadata>,
): AsyncGenerator<Buffer, void, undefined> {
  let total = joinParts(EMPTY_PART, OPEN.part);
  let pending: Buffer[] = [GZIP_HEADER, OPEN.deflated];
  let isFirst = true;
  for await (const metadata of series) {
    try {
      if (!isFirst) {
        total = joinParts(total, COMMA.part);
        pending.push(COMMA.deflated);
      }
      isFirst = false;
      for (let position = 0; position < metadata.deflatedBytes;) {
        const target = Buffer.allocUnsafe(Math.min(READ_BYTES, metadata.deflatedBytes - position));
        const read = await metadata.read(target, position);
        if (read === 0) throw new Error('prepared metadata ends before its end');
        position += read;
        pending.push(target.subarray(0, read));
        if (target.length === READ_BYTES) {
          yield Buffer.concat(pending);
          pending = [];
        }
      }
      total = joinParts(total, metadata);
    } finally {
      await metadata.close();
    }
    if (pending.reduce((sum, { length }) => sum + length, 0) >= READ_BYTES) {
      yield Buffer.concat(pending);
      pending = [];
    }
  }
  total = joinParts(total, CLOSE.part);
  yield Buffer.concat([...pending, CLOSE.deflated, gzipEnd(total)]);
}
