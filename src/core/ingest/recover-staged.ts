import { parseAeTitle } from '../../dicom/ae-title.ts';
import type { InstanceStore, StagingLeftover } from '../ports/instance-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { StudyIndex } from '../ports/study-index.ts';
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
  /** Objects in place that the index did not know. */
  readonly indexed: number;
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
    alreadyIndexed: 0,
    conflictsIndexed: 0,
    tornRemoved: 0,
    unresolved: 0,
  };
  const done: string[] = [];
  for await (const leftover of store.leftovers()) {
    const result =
      leftover.sha256 === undefined ? 'partialRemoved' : await recoverOne(leftover, leftover.sha256, index);
    counts[result] += 1;
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

async function recoverOne(
  leftover: StagingLeftover,
  expectedSha256: string,
  index: StudyIndex,
): Promise<Exclude<keyof RecoverySummary, 'partialRemoved'>> {
  const opened = await leftover.open();
  try {
    const inspected = await inspectObject(opened);
    if (inspected?.sha256 !== expectedSha256) {
      await leftover.takeOut();
      return 'tornRemoved';
    }
    const { meta, scan, sha256 } = inspected;
    const extracted = extractHeader(scan);
    if (!extracted.ok || meta.transferSyntaxUid === undefined) return 'unresolved';
    const { header } = extracted;
    const key: InstanceKey = {
      customer: leftover.customer,
      studyInstanceUid: header.studyInstanceUid,
      seriesInstanceUid: header.seriesInstanceUid,
      sopInstanceUid: header.sopInstanceUid,
    };
    const place = await leftover.locate(key, sha256);
    if (place === undefined) return 'unresolved';
    const common = { key, sha256, fileBytes: opened.bytes, receivedAt: leftover.writtenAt };
    const origin = originOf(leftover, inspected);
    if (place.kind === 'conflict') {
      await index.addConflict({ ...common, origin, path: place.path });
      return 'conflictsIndexed';
    }
    if (index.findInstance(key) !== undefined) return 'alreadyIndexed';
    await index.addInstance({
      ...common,
      header,
      origin,
      transferSyntaxUid: meta.transferSyntaxUid,
      dataSetOffset: meta.dataSetOffset,
      integrity: scan.integrity,
    });
    return 'indexed';
  } finally {
    await opened.close();
  }
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
