import { StoreError } from '../ports/instance-store.ts';
import type { ConflictRecord } from '../ports/study-index.ts';
import { finding } from './finding.ts';
import { fileMetaOf } from './inspect-file.ts';
import type { ProofRun } from './proof-run.ts';

const STRETCH = 200;

/** Holds the objects kept apart against their rows. */
export async function checkConflicts(run: ProofRun): Promise<void> {
  const { proof } = run.parts;
  for (let after = 0; ;) {
    const conflicts = proof.conflicts(run.request.selection, after, STRETCH);
    const last = conflicts.at(-1);
    if (last === undefined) return;
    after = last.id;
    for (const conflict of conflicts) {
      run.signal.throwIfAborted();
      run.tally.conflicts += 1;
      await checkConflict(run, conflict);
    }
    await run.progress();
  }
}

/** Whether an object kept apart is whole, by reading it; reports it where it is not. */
export async function checkConflict(
  run: ProofRun,
  { key, path, sha256, fileBytes }: ConflictRecord,
): Promise<boolean> {
  const { files } = run.parts;
  const report = async (
    kind: 'file-missing' | 'file-damaged' | 'file-unreadable',
    detail: string,
  ): Promise<false> => {
    await run.report(finding(kind, key, { path, detail: `a conflicting object: ${detail}` }));
    return false;
  };
  try {
    const meta = await fileMetaOf(files, path);
    if (meta === undefined) return await report('file-damaged', 'its File Meta Information is damaged');
    if (run.request.quick) return true;
    const content = await files.read(path, meta.dataSetOffset, run.request.maxBytesPerSecond);
    if (content.kind === 'failed')
      return await report('file-unreadable', `the file cannot be read (${content.code})`);
    if (content.bytes === fileBytes && content.sha256 === sha256) return true;
    return await report(
      'file-damaged',
      `${content.bytes} bytes with digest ${content.sha256} instead of ${fileBytes} with ${sha256}`,
    );
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === 'not-found') return report('file-missing', 'the file is missing');
    return report('file-unreadable', error.message);
  }
}
