import { Buffer } from 'node:buffer';

import type { MetadataPart } from '../../core/ports/metadata-encoder.ts';
import type { PreparedMetadata } from '../../core/ports/metadata-store.ts';
import { StoreError } from '../../core/ports/instance-store.ts';
import { EMPTY_PART, joinParts, storedPart } from '../../platform/gzip-parts.ts';

/** Deflated; that of a hundred thousand images. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Holds metadata in memory, for want of a disk to keep it on. @throws StoreError where it is too large for that. */
export async function holdMetadata(parts: AsyncIterable<MetadataPart>): Promise<PreparedMetadata> {
  const blocks: Uint8Array[] = [];
  const comma = storedPart(',');
  let json = EMPTY_PART;
  let length = 0;
  for await (const part of parts) {
    if (json.bytes > 0) {
      blocks.push(comma.deflated);
      json = joinParts(json, comma.part);
      length += comma.deflated.length;
    }
    blocks.push(part.deflated);
    json = joinParts(json, part);
    length += part.deflated.length;
    if (length > MAX_HELD_BYTES)
      throw new StoreError('out-of-resources', 'there is no disk space for the metadata of a large series');
  }
  const all = Buffer.concat(blocks, length);
  return {
    ...json,
    deflatedBytes: length,
    read: (target, position) => Promise.resolve(all.copy(target, 0, position)),
    close: () => Promise.resolve(),
  };
}
