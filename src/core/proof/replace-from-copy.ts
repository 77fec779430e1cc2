import { StoreError } from '../ports/instance-store.ts';
import type { InstanceRecord } from '../study/study.ts';
import { finding } from './finding.ts';
import { fileMetaOf } from './inspect-file.ts';
import type { ProofRun } from './proof-run.ts';

/**
 * Reports a file that is missing or damaged. With `--repair` it is replaced where the very same bytes lie among the
 * conflicts, as when a sender sent the object again after it was damaged; a damaged file is moved aside, never removed.
 * @returns whether the object is whole now.
 */
export async function replaceFromCopy(
  run: ProofRun,
  record: InstanceRecord,
  kind: 'file-missing' | 'file-damaged',
  detail: string,
): Promise<boolean> {
  const { files } = run.parts;
  const { key } = record;
  const path = files.pathOf(key);
  const copy = await wholeCopyOf(run, record);
  const report = (fields: { repaired?: string; remedy?: string }): Promise<void> =>
    run.report(finding(kind, key, { path, detail, ...fields }));
  try {
    if (copy !== undefined && run.request.repair) {
      const aside = kind === 'file-damaged' ? await files.setAside(path) : undefined;
      await files.link(copy, path);
      const moved = aside === undefined ? '' : `; the damaged file is ${aside}`;
      await report({ repaired: `replaced by the whole copy at ${copy}${moved}` });
      return true;
    }
    if (copy !== undefined) {
      await report({ remedy: `a whole copy is at ${copy}: --repair puts it in place` });
    } else if (kind === 'file-missing') {
      await report({ remedy: 'send the object again, or restore it from a backup: it takes its place' });
    } else if (run.request.setAside) {
      const aside = await files.setAside(path);
      await report({ remedy: `moved to ${aside}: send the object again, or restore it from a backup` });
    } else {
      await report({
        remedy:
          '--set-aside moves it to damaged/, so that the object sent again takes its place; until then it is not served',
      });
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    await report({ remedy: `could not be repaired: ${error.message}` });
  }
  return false;
}

/** A copy whose every byte from the first can stand in the place of the row's file. */
async function wholeCopyOf(run: ProofRun, record: InstanceRecord): Promise<string | undefined> {
  const { files } = run.parts;
  const path = files.conflictPathOf(record.key, record.sha256);
  if (!(await files.exists(path))) return undefined;
  try {
    const meta = await fileMetaOf(files, path);
    if (meta?.dataSetOffset !== record.dataSetOffset || meta.transferSyntaxUid !== record.transferSyntaxUid)
      return undefined;
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
  const content = await files.read(path, record.dataSetOffset, run.request.maxBytesPerSecond);
  const isWhole =
    content.kind === 'read' && content.sha256 === record.sha256 && content.bytes === record.fileBytes;
  return isWhole ? path : undefined;
}
