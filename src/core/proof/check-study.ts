import { readFileMeta } from '../../dicom/part10/file-meta.ts';
import type { FoundFile } from '../ports/proof-files.ts';
import type { SelectedStudy } from '../ports/proof-index.ts';
import type { InstanceRecord } from '../study/study.ts';
import { forEachBounded } from './bounded.ts';
import { checkAnnouncement } from './check-announcement.ts';
import { finding } from './finding.ts';
import type { ProofRun } from './proof-run.ts';
import { replaceFromCopy } from './replace-from-copy.ts';
import { takeUnknownFile } from './unknown-files.ts';

/** Files of one study read at the same time. */
const FILES_AT_ONCE = 4;
/** Files after which others get their turn, where none is read. */
const TURN = 250;

/** Holds the files of a study against its rows, its rows against its counts, and looks whether it was announced. */
export async function checkStudy(run: ProofRun, { id, key }: SelectedStudy): Promise<void> {
  const { index, files } = run.parts;
  // Files first: a row is there before the last trace of its file being on the way in is gone.
  const found = new Map<string, FoundFile>();
  for await (const file of files.filesOf('objects', key)) found.set(file.path, file);
  const study = index.findStudy(key);
  if (study === undefined) return;
  const all = index.listInstances(key);
  const since = run.request.selection.receivedSince ?? 0;
  const instances = all.filter(({ receivedAt }) => receivedAt >= since);
  run.tally.studies += 1;
  run.tally.indexed += instances.length;
  await run.breathe();
  await checkCounts(run, id, key);
  const known = new Set(all.map((record) => files.pathOf(record.key)));
  let looked = 0;
  await forEachBounded(instances, FILES_AT_ONCE, async (record) => {
    looked += 1;
    if (looked % TURN === 0) await run.breathe();
    run.signal.throwIfAborted();
    if (await isWhole(run, record, found.get(files.pathOf(record.key)))) run.tally.stored += 1;
    await run.progress();
  });
  for (const file of found.values()) {
    if (!known.has(file.path) && file.modifiedAt >= since) await takeUnknownFile(run, file);
  }
  await checkAnnouncement(run, study, instances.length);
  run.signal.throwIfAborted();
}

async function checkCounts(run: ProofRun, id: number, key: SelectedStudy['key']): Promise<void> {
  const { proof } = run.parts;
  const counts = proof.countsOf(id);
  if (counts === undefined) return;
  const { noted, counted, wrongSeries } = counts;
  if (noted.instances === counted.instances && noted.bytes === counted.bytes && wrongSeries === 0) return;
  const detail = `the study says ${noted.instances} instances and ${noted.bytes} bytes, its instances come to ${counted.instances} and ${counted.bytes}; series with a wrong number: ${wrongSeries}`;
  if (run.request.repair) await proof.recount(id);
  await run.report(
    finding(
      'count-wrong',
      key,
      run.request.repair ? { detail, repaired: 'counted anew' } : { detail, remedy: '--repair counts anew' },
    ),
  );
}

/** Whether the file of a row, as its folder lists it, is there and whole; reports it where it is not. */
async function isWhole(run: ProofRun, record: InstanceRecord, file: FoundFile | undefined): Promise<boolean> {
  const { index, files, isKnownDamaged } = run.parts;
  const path = files.pathOf(record.key);
  if (file === undefined) {
    // It may have come back, or its row may be gone, since the folder was listed.
    if (index.findInstance(record.key) === undefined || (await files.exists(path))) return true;
    return replaceFromCopy(run, record, 'file-missing', 'the file is missing');
  }
  if (run.request.quick && file.bytes === record.fileBytes && isKnownDamaged?.(path) !== true) return true;
  return checkFile(run, record);
}

/** Whether the file of a row holds what was acknowledged, by reading it; reports it where it does not. */
export async function checkFile(run: ProofRun, record: InstanceRecord): Promise<boolean> {
  const { index, files } = run.parts;
  const path = files.pathOf(record.key);
  const first = await faultOf(run, record, path);
  if (first === undefined) {
    run.tally.bytes += record.fileBytes;
    return true;
  }
  const second = await faultOf(run, record, path);
  if (index.findInstance(record.key) === undefined) return true;
  if (second?.kind !== first.kind || second.detail !== first.detail) {
    const detail = `two readings of the file came to different results (${first.detail}; ${second?.detail ?? 'whole'}): suspect the disk or the memory of this machine`;
    await run.report(finding('file-unreadable', record.key, { path, detail }));
    return false;
  }
  if (first.kind !== 'file-unreadable') return replaceFromCopy(run, record, first.kind, first.detail);
  await run.report(finding(first.kind, record.key, { path, detail: first.detail }));
  return false;
}

interface FileFault {
  readonly kind: 'file-damaged' | 'file-unreadable' | 'file-missing';
  readonly detail: string;
}

/** What is wrong with the bytes of a file; undefined: nothing. */
export async function faultOf(
  run: ProofRun,
  record: InstanceRecord,
  path: string,
): Promise<FileFault | undefined> {
  const content = await run.parts.files.read(path, record.dataSetOffset, run.request.maxBytesPerSecond);
  if (content.kind === 'failed') {
    if (content.code === 'ENOENT') return { kind: 'file-missing', detail: 'the file is missing' };
    return { kind: 'file-unreadable', detail: `the file cannot be read (${content.code})` };
  }
  const damaged = (detail: string): FileFault => ({ kind: 'file-damaged', detail });
  if (content.bytes !== record.fileBytes)
    return damaged(`the file has ${content.bytes} bytes instead of ${record.fileBytes}`);
  if (content.sha256 !== record.sha256)
    return damaged(`the digest of its Data Set is ${content.sha256} instead of ${record.sha256}`);
  // Two more bytes, which end the group.
  const meta = readFileMeta(Buffer.concat([content.head, Buffer.alloc(2)]));
  const isRight =
    meta.kind === 'complete' &&
    meta.dataSetOffset === record.dataSetOffset &&
    meta.transferSyntaxUid === record.transferSyntaxUid &&
    meta.sopClassUid === record.sopClassUid &&
    meta.sopInstanceUid === record.key.sopInstanceUid;
  return isRight ? undefined : damaged('its File Meta Information is damaged');
}
