import type { FoundFile, ProofFiles } from '../ports/proof-files.ts';
import type { StoredInstance, StudyIndex } from '../ports/study-index.ts';
import type { StudyKey } from '../study/instance.ts';
import { forEachBounded } from './bounded.ts';
import { inspectFile } from './inspect-file.ts';

/** Files of one study read at the same time. */
const FILES_AT_ONCE = 4;
/** Rows of one transaction. */
const BATCH = 500;

export interface ReindexParts {
  readonly files: ProofFiles;
  /** Empty, and nobody else's. */
  readonly index: StudyIndex;
}

/** A file that is in the object store and not in the new index, with the reason. */
export interface LeftOut {
  readonly event: 'left-out';
  /** Below the data folder. */
  readonly path: string;
  readonly reason: string;
}

export interface ReindexCounts {
  readonly studies: number;
  readonly instances: number;
  readonly conflicts: number;
  readonly bytes: number;
  readonly leftOut: number;
}

export type ReindexEvent = LeftOut | { readonly event: 'progress'; readonly counts: ReindexCounts };

/**
 * Fills an empty index from the files of the object store alone. What a file cannot tell (when exactly it came, and from
 * which address) is taken from its times and its File Meta Information, or left out.
 */
export async function reindexFiles(
  { files, index }: ReindexParts,
  signal: AbortSignal,
  emit: (event: ReindexEvent) => void,
): Promise<ReindexCounts> {
  const counts = { studies: 0, instances: 0, conflicts: 0, bytes: 0, leftOut: 0 };
  const leaveOut = (path: string, reason: string): void => {
    counts.leftOut += 1;
    emit({ event: 'left-out', path, reason });
  };

  async function wholeFiles(area: 'objects' | 'conflicts', study: StudyKey) {
    const found: FoundFile[] = [];
    for await (const file of files.filesOf(area, study)) found.push(file);
    const whole: { readonly instance: StoredInstance; readonly file: FoundFile }[] = [];
    await forEachBounded(found, FILES_AT_ONCE, async (file) => {
      signal.throwIfAborted();
      if (file.key === undefined) {
        leaveOut(file.path, `nothing of this name belongs into ${area}/`);
        return;
      }
      const inspected = await inspectFile(files, file.path, file.key, file.modifiedAt);
      if (inspected.kind === 'whole') whole.push({ instance: inspected.instance, file });
      else leaveOut(file.path, inspected.reason);
      counts.bytes += file.bytes;
      emit({ event: 'progress', counts });
    });
    // The order of arrival decides whose header speaks for the study.
    return whole.sort(
      (a, b) =>
        a.instance.receivedAt - b.instance.receivedAt ||
        (a.instance.header.image.instanceNumber ?? 0) - (b.instance.header.image.instanceNumber ?? 0) ||
        (a.file.path < b.file.path ? -1 : 1),
    );
  }

  for (const customer of await files.customers('objects')) {
    for await (const studyInstanceUid of files.studies('objects', customer)) {
      const whole = await wholeFiles('objects', { customer, studyInstanceUid });
      for (let at = 0; at < whole.length; at += BATCH) {
        const batch = whole.slice(at, at + BATCH);
        await Promise.all(batch.map(({ instance }) => index.addInstance(instance)));
      }
      counts.instances += whole.length;
      if (whole.length > 0) counts.studies += 1;
      emit({ event: 'progress', counts });
    }
  }
  for (const customer of await files.customers('conflicts')) {
    for await (const studyInstanceUid of files.studies('conflicts', customer)) {
      for (const { instance, file } of await wholeFiles('conflicts', { customer, studyInstanceUid })) {
        const { key, sha256, fileBytes, receivedAt, origin } = instance;
        if (!sha256.startsWith(file.digestStart ?? '')) {
          leaveOut(file.path, 'its digest is not the one of its name');
          continue;
        }
        await index.addConflict({ key, sha256, fileBytes, receivedAt, origin, path: file.path });
        counts.conflicts += 1;
      }
    }
  }
  return counts;
}
