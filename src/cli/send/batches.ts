import { MAX_CONTEXT_PAIRS, pairOf } from '../../dimse/scu/store-scu.ts';
import type { SendableFile } from './find-files.ts';

/** Objects on one Association at most: the sender keeps a request for each of them. */
const MAX_OBJECTS = 1000;

/**
 * Cuts files into what goes out on one Association each: in their order, as many as keep `associations` senders busy,
 * and never more pairs of SOP Class and Transfer Syntax than an Association can propose.
 */
export function cutBatches<T extends Pick<SendableFile, 'sopClassUid' | 'transferSyntaxUid'>>(
  files: readonly T[],
  associations: number,
): readonly (readonly T[])[] {
  const most = Math.min(MAX_OBJECTS, Math.ceil(files.length / associations));
  const batches: T[][] = [];
  let batch: T[] = [];
  let pairs = new Set<string>();
  for (const file of files) {
    const pair = pairOf(file);
    const isFull = batch.length >= most || (pairs.size >= MAX_CONTEXT_PAIRS && !pairs.has(pair));
    if (isFull) {
      batches.push(batch);
      batch = [];
      pairs = new Set();
    }
    batch.push(file);
    pairs.add(pair);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
