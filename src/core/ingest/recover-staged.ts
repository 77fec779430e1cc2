import { parseAeTitle } from '../../dicom/ae-title.ts';
import type { InstanceStore, StagingLeftover } from '../ports/instance-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { StoredInstance, StudyIndex } from '../ports/study-index.ts';
import { extractHeader } from '../study/extract-header.ts';
import type { InstanceKey, InstanceOrigin } from '../study/instance.ts';
import { type InspectedObject, inspectObject } from './inspect-object.ts';

export interface RecoveryOptions {
  readonly store: InstanceStore;
  readonly index: StudyIndex;
  readonly logger: Logger;
}

export interface RecoverySummary {
  /** Transfers that never finished; nobody was told Success for them. */
  readonly partialRemoved: number;
  /** Objects that the index did not know. */
  readonly indexed: number;
  /** Objects put back under their key: that name was lost when power failed. */
  readonly putBack: number;
  readonly alreadyIndexed: number;
  readonly conflictsIndexed: number;
  /** In place, but power failed before all their bytes were on disk: taken out, nobody was told Success for them. */
  readonly tornRemoved: number;
  /** Linked somewhere but not readable or not where they should be; left for the operator, named in the log. */
  readonly unresolved: number;
}

/**
 * Brings the index up to what was acknowledged before the last stop: every object whose staging link is still there is
 * looked at, and indexed where the index lost it or never got it. Run before the first intake. Idempotent.
 */
export async function recoverStaged(options: RecoveryOptions): Promise<RecoverySummary> {
  const { store, index, logger } = options;
  const counts = {
    partialRemoved: 0,
    indexed: 0,
    putBack: 0,
    alreadyIndexed: 0,
    conflictsIndexed: 0,
    tornRemoved: 0,
    unresolved: 0,
  };
  const done: string[] = [];
  for await (const leftover of store.leftovers()) {
    const { result, isPutBack = false } =
      leftover.sha256 === undefined
        ? { result: 'partialRemoved' as const }
        : await recoverOne(leftover, leftover.sha256, options);
    counts[result] += 1;
    if (isPutBack) counts.putBack += 1;
    if (result === 'unresolved') {
      logger.error(
        { file: leftover.stagingName },
        'a staged object could not be matched with the store; it is left in place',
      );
    } else {
      done.push(leftover.stagingName);
    }
  }
  if (done.length > 0) {
    await index.sync();
    await store.release(done);
  }
  return counts;
}

interface Recovered {
  readonly result: Exclude<keyof RecoverySummary, 'partialRemoved' | 'putBack'>;
  readonly isPutBack?: boolean;
}

async function recoverOne(
  leftover: StagingLeftover,
  expectedSha256: string,
  { store, index }: RecoveryOptions,
): Promise<Recovered> {
  const opened = await leftover.open();
  try {
    const inspected = await inspectObject(opened);
    if (inspected?.sha256 !== expectedSha256) {
      await leftover.takeOut();
      return { result: 'tornRemoved' };
    }
    const { meta, scan, sha256 } = inspected;
    const extracted = extractHeader(scan);
    if (!extracted.ok || meta.transferSyntaxUid === undefined) return { result: 'unresolved' };
    const { header } = extracted;
    const key: InstanceKey = {
      customer: leftover.customer,
      studyInstanceUid: header.studyInstanceUid,
      seriesInstanceUid: header.seriesInstanceUid,
      sopInstanceUid: header.sopInstanceUid,
    };
    const place = (await leftover.locate(key, sha256)) ?? (await putBack(leftover, key, sha256, store));
    if (place === undefined) return { result: 'unresolved' };
    const common = { key, sha256, fileBytes: opened.bytes, receivedAt: leftover.writtenAt };
    const origin = originOf(leftover, inspected);
    if (place.kind === 'conflict') {
      await index.addConflict({ ...common, origin, path: place.path });
      return { result: 'conflictsIndexed' };
    }
    const isPutBack = place.kind === 'put-back';
    if (index.findInstance(key) !== undefined) return { result: 'alreadyIndexed', isPutBack };
    await index.addInstance({
      ...common,
      header,
      origin,
      transferSyntaxUid: meta.transferSyntaxUid,
      dataSetOffset: meta.dataSetOffset,
      integrity: scan.integrity,
      ...(place.kind === 'held' && place.file),
    });
    return { result: 'indexed', isPutBack };
  } finally {
    await opened.close();
  }
}

type PutBack =
  | { readonly kind: 'put-back' }
  | { readonly kind: 'conflict'; readonly path: string }
  | {
      readonly kind: 'held';
      readonly file: Pick<StoredInstance, 'fileBytes' | 'transferSyntaxUid' | 'dataSetOffset'>;
    };

/**
 * For an object whose staging link survived and whose name in its place did not.
 * @returns undefined where it has a name that is not known; `held` where the same Data Set lies there in another file.
 */
async function putBack(
  leftover: StagingLeftover,
  key: InstanceKey,
  sha256: string,
  store: InstanceStore,
): Promise<PutBack | undefined> {
  if (leftover.isLinked) return undefined;
  if (await leftover.link(key)) return { kind: 'put-back' };
  const opened = await store.open(key);
  try {
    const existing = await inspectObject(opened);
    if (existing?.sha256 === sha256 && existing.meta.transferSyntaxUid !== undefined) {
      const { transferSyntaxUid, dataSetOffset } = existing.meta;
      return { kind: 'held', file: { fileBytes: opened.bytes, transferSyntaxUid, dataSetOffset } };
    }
  } finally {
    await opened.close();
  }
  return { kind: 'conflict', path: await leftover.keepApart(key, sha256) };
}

/** The AE titles are in the File Meta Information that intake wrote; the peer's address is not kept there. */
function originOf(leftover: StagingLeftover, { meta }: InspectedObject): InstanceOrigin {
  const callingAeTitle = parseAeTitle(
    meta.sendingApplicationEntityTitle ?? meta.sourceApplicationEntityTitle ?? '',
  );
  const calledAeTitle = parseAeTitle(meta.receivingApplicationEntityTitle ?? '');
  return {
    source: leftover.source,
    customer: leftover.customer,
    ...(callingAeTitle && { callingAeTitle }),
    ...(calledAeTitle && { calledAeTitle }),
  };
}
