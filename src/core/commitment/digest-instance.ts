import { createHash } from 'node:crypto';

import type { OpenedInstance } from '../ports/instance-store.ts';

/** Small enough that digesting a piece holds the event loop for well under a millisecond. */
const READ_BYTES = 256 * 1024;

/**
 * Digests what is on disk now, piece by piece, with a turn of the event loop between.
 * @param dataSetOffset where the Data Set begins in the file, bytes.
 * @returns SHA-256 of the Data Set, lower-case hex; undefined where `signal` was aborted meanwhile.
 * @throws StoreError where reading fails.
 */
export async function digestInstance(
  opened: OpenedInstance,
  dataSetOffset: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let position = dataSetOffset;
  for (;;) {
    if (signal.aborted) return undefined;
    const bytes = await opened.read(buffer, position);
    if (bytes === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytes));
    position += bytes;
  }
}
