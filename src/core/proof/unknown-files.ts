import type { FoundFile, ObjectArea } from '../ports/proof-files.ts';
import type { InstanceKey } from '../study/instance.ts';
import { finding } from './finding.ts';
import { inspectFile } from './inspect-file.ts';
import type { ProofRun } from './proof-run.ts';

/** Looks for files in the object store that the index does not know: studies without a row, conflicts, what is not ours. */
export async function findUnknownFiles(run: ProofRun): Promise<void> {
  const { files, index, proof } = run.parts;
  const { selection } = run.request;
  const since = selection.receivedSince ?? 0;
  for (const area of ['objects', 'conflicts'] as const) {
    for (const customer of await files.customers(area)) {
      if (selection.customer !== undefined && customer !== selection.customer) continue;
      for await (const studyInstanceUid of files.studies(area, customer)) {
        run.signal.throwIfAborted();
        if (selection.studyInstanceUid !== undefined && studyInstanceUid !== selection.studyInstanceUid)
          continue;
        const key = { customer, studyInstanceUid };
        // Objects of known studies were held against their rows already.
        if (area === 'objects' && index.findStudy(key) !== undefined) continue;
        for await (const file of files.filesOf(area, key)) {
          if (file.modifiedAt < since || (area === 'conflicts' && proof.hasConflict(file.path))) continue;
          if (area === 'objects') await takeUnknownFile(run, file);
          else await takeUnknownConflict(run, file);
        }
        await run.progress();
      }
    }
    if (run.isWhole) for await (const path of files.foreign(area)) await reportForeign(run, path, area);
  }
}

/** A file among a study's objects that has no row: indexed with `--repair`, where it is whole. */
export async function takeUnknownFile(run: ProofRun, file: FoundFile): Promise<void> {
  const { index, proof } = run.parts;
  const { key, path } = file;
  if (key === undefined) return reportForeign(run, path, 'objects');
  const isKnown = (): boolean => index.findInstance(key) !== undefined || proof.isBeingRemoved(key);
  if (await isOnItsWay(run, path, isKnown)) return;
  const inspected = await inspectFile(run.parts.files, path, key, file.modifiedAt);
  if (inspected.kind !== 'whole') return reportUnknown(run, key, path, inspected);
  const { instance } = inspected;
  const acknowledged = run.takeLost(instance.sha256, instance.fileBytes, 'stored');
  const when =
    acknowledged === undefined
      ? 'the ledger knows nothing of it either'
      : `acknowledged ${new Date(acknowledged.at).toISOString()}`;
  const detail = `a whole object that the index does not know; ${when}`;
  // Cut off or damaged, it is certain only where the ledger knows the digest.
  const isCertain = instance.integrity === 'complete' || acknowledged !== undefined;
  if (!run.request.repair || !isCertain) {
    const remedy = isCertain
      ? '--repair adds it to the index'
      : `it is ${instance.integrity}: send the object again; this file stays where it is`;
    await run.report(finding(isCertain ? 'file-not-indexed' : 'file-unknown', key, { path, detail, remedy }));
    return;
  }
  await proof.restoreInstance(
    { ...instance, receivedAt: acknowledged?.at ?? instance.receivedAt },
    acknowledged,
  );
  run.tally.indexed += 1;
  run.tally.stored += 1;
  await run.report(finding('file-not-indexed', key, { path, detail, repaired: 'added to the index' }));
}

async function takeUnknownConflict(run: ProofRun, file: FoundFile): Promise<void> {
  const { proof, files } = run.parts;
  const { key, path, digestStart = '' } = file;
  if (key === undefined) return reportForeign(run, path, 'conflicts');
  if (await isOnItsWay(run, path, () => proof.hasConflict(path))) return;
  const inspected = await inspectFile(files, path, key, file.modifiedAt);
  if (inspected.kind !== 'whole') return reportUnknown(run, key, path, inspected);
  const { sha256, fileBytes, receivedAt, origin } = inspected.instance;
  if (!sha256.startsWith(digestStart)) {
    return reportUnknown(run, key, path, { kind: 'other', reason: 'its digest is not the one of its name' });
  }
  const acknowledged = run.takeLost(sha256, fileBytes, 'conflict');
  const detail = 'a conflicting object that the index does not know';
  if (!run.request.repair) {
    await run.report(
      finding('file-not-indexed', key, { path, detail, remedy: '--repair adds it to the index' }),
    );
    return;
  }
  const conflict = { key, sha256, fileBytes, receivedAt: acknowledged?.at ?? receivedAt, path, origin };
  await proof.restoreConflict(conflict, acknowledged);
  await run.report(finding('file-not-indexed', key, { path, detail, repaired: 'added to the index' }));
}

/** Whether a file has no row only because it has just been put in place, or taken out. */
async function isOnItsWay(run: ProofRun, path: string, isKnown: () => boolean): Promise<boolean> {
  const { files } = run.parts;
  if (isKnown() || (await files.isStaged(path)) || isKnown()) return true;
  return !(await files.exists(path));
}

async function reportUnknown(
  run: ProofRun,
  key: InstanceKey,
  path: string,
  { kind, reason }: { readonly kind: 'other' | 'unreadable'; readonly reason: string },
): Promise<void> {
  await run.report(
    finding(kind === 'other' ? 'file-unknown' : 'file-unreadable', key, {
      path,
      detail: `not in the index: ${reason}`,
      remedy: 'it stays where it is; nothing was acknowledged for it that the index or the ledger knows',
    }),
  );
}

async function reportForeign(run: ProofRun, path: string, area: ObjectArea): Promise<void> {
  const detail = `nothing of this name belongs into ${area}/`;
  await run.report(finding('file-unknown', undefined, { path, detail }));
}
