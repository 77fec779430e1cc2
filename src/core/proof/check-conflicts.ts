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

async function checkConflict(run: ProofRun, { key, path, sha256, fileBytes }: ConflictRecord): Promise<void> {
  const { files } = run.parts;
  const report = (kind: 'file-missing' | 'file-damaged' | 'file-unreadable', detail: string): Promise<void> =>
    run.report(finding(kind, key, { path, detail: `a conflicting object: ${detail}` }));
  try {
    const meta = await fileMetaOf(files, path);
    if (meta === undefined) {
      await report('file-damaged', 'its File Meta Information is damaged');
      return;
    }
    if (run.request.quick) return;
    const content = await files.read(path, meta.dataSetOffset, run.request.maxBytesPerSecond);
    if (content.kind === 'failed') {
      await report('file-unreadable', `the file cannot be read (${content.code})`);
      return;
    }
    if (content.bytes !== fileBytes || content.sha256 !== sha256)
      await report(
        'file-damaged',
        `${content.bytes} bytes with digest ${content.sha256} instead of ${fileBytes} with ${sha256}`,
      );
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === 'not-found') await report('file-missing', 'the file is missing');
    else await report('file-unreadable', error.message);
  }
}
