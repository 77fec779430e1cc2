import type { FailureReason, SopInstanceReference } from '../../dicom/storage-commitment.ts';
import type { ReferenceFailure } from '../ports/commitment-requests.ts';
import type { InstanceStore } from '../ports/instance-store.ts';
import { StoreError } from '../ports/instance-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { StudyIndex } from '../ports/study-index.ts';
import type { CustomerKey } from '../study/instance.ts';
import type { InstanceRecord } from '../study/study.ts';
import { digestInstance } from './digest-instance.ts';

export interface VerifyReferencesOptions {
  readonly index: Pick<StudyIndex, 'findInstancesBySopUid'>;
  readonly store: Pick<InstanceStore, 'open'>;
  readonly logger: Logger;
}

/** What is on disk for an instance that the index knows. */
export type InstanceCheck = 'intact' | 'gone' | 'damaged' | 'out-of-resources';

/**
 * Checks each reference against the index and against the bytes on disk, one after the other: a commitment says that the
 * object is safe, which a row alone does not.
 * @returns the references that cannot be committed; undefined where `signal` was aborted meanwhile.
 */
export async function verifyReferences(
  customer: CustomerKey,
  references: readonly SopInstanceReference[],
  options: VerifyReferencesOptions,
  signal: AbortSignal,
): Promise<readonly ReferenceFailure[] | undefined> {
  const failures: ReferenceFailure[] = [];
  for (const [position, reference] of references.entries()) {
    const candidates = options.index.findInstancesBySopUid(customer, reference.sopInstanceUid);
    const checks: InstanceCheck[] = [];
    for (const candidate of candidates.filter((found) => found.sopClassUid === reference.sopClassUid)) {
      const check = await checkInstance(candidate, options, signal);
      if (check === undefined) return undefined;
      checks.push(check);
      if (check === 'intact') break;
    }
    const reason = failureReason(candidates.length, checks);
    if (reason !== undefined) failures.push({ position, reason });
    // References that the index does not know cost no read, so nothing else would let other work in between.
    if (checks.length === 0) await nextTurn();
    if (signal.aborted) return undefined;
  }
  return failures;
}

/**
 * Why a reference fails, if it does (PS3.3 C.14.1.1). The same SOP Instance may lie in several series: one intact object
 * of the right class is enough.
 * @param known how many instances with this UID the customer has, whatever their class.
 * @param checks of those with the SOP Class that the reference names.
 */
export function failureReason(known: number, checks: readonly InstanceCheck[]): FailureReason | undefined {
  if (checks.includes('intact')) return undefined;
  if (known === 0) return 'no-such-object-instance';
  if (checks.length === 0) return 'class-instance-conflict';
  if (checks.includes('damaged')) return 'processing-failure';
  if (checks.includes('out-of-resources')) return 'resource-limitation';
  return 'no-such-object-instance';
}

async function checkInstance(
  { key, dataSetOffset, sha256 }: InstanceRecord,
  { store, logger }: VerifyReferencesOptions,
  signal: AbortSignal,
): Promise<InstanceCheck | undefined> {
  try {
    const opened = await store.open(key);
    try {
      const found = await digestInstance(opened, dataSetOffset, signal);
      if (found === undefined) return undefined;
      if (found === sha256) return 'intact';
      logger.error({ ...key, sha256, found }, 'a stored object is damaged: its digest is not what it was');
      return 'damaged';
    } finally {
      await opened.close();
    }
  } catch (error) {
    logger.error({ ...key, err: error }, 'a stored object could not be read for storage commitment');
    if (!(error instanceof StoreError)) return 'damaged';
    if (error.code === 'not-found') return 'gone';
    return error.code === 'out-of-resources' ? 'out-of-resources' : 'damaged';
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
