import { readFileMeta } from '../../dicom/part10/file-meta.ts';
import type { FileMetaComplete } from '../../dicom/part10/file-meta.ts';
import { inspectObject } from '../ingest/inspect-object.ts';
import type { ProofFiles } from '../ports/proof-files.ts';
import { StoreError } from '../ports/instance-store.ts';
import type { StoredInstance } from '../ports/study-index.ts';
import { extractHeader } from '../study/extract-header.ts';
import { type InstanceKey, type InstanceOrigin, instanceKeyText } from '../study/instance.ts';
import { originOfFile } from './origin-of-file.ts';

const HEAD_BYTES = 64 * 1024;

/** A file as an instance to be indexed, or why it is none. */
export type InspectedFile =
  | { readonly kind: 'whole'; readonly instance: StoredInstance }
  /** It can be read to its end, and is not the object that its name and folders say. */
  | { readonly kind: 'other'; readonly reason: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

/**
 * Reads a file of the object store from end to end: is it a Part 10 file of the instance whose place it has?
 * @param modifiedAt taken for the time of its arrival.
 */
export async function inspectFile(
  files: Pick<ProofFiles, 'open'>,
  path: string,
  key: InstanceKey,
  modifiedAt: number,
): Promise<InspectedFile> {
  try {
    const opened = await files.open(path);
    try {
      const inspected = await inspectObject(opened);
      if (inspected?.meta.transferSyntaxUid === undefined)
        return { kind: 'other', reason: 'it is no DICOM file' };
      const { meta, scan, sha256 } = inspected;
      const extracted = extractHeader(scan);
      if (!extracted.ok) return { kind: 'other', reason: extracted.reason };
      const { header } = extracted;
      const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = header;
      const own = { customer: key.customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid };
      if (instanceKeyText(own) !== instanceKeyText(key))
        return { kind: 'other', reason: 'its UIDs are not those of its name and folders' };
      const origin: InstanceOrigin = originOfFile(key.customer, meta);
      return {
        kind: 'whole',
        instance: {
          key,
          header,
          origin,
          transferSyntaxUid: inspected.meta.transferSyntaxUid,
          fileBytes: opened.bytes,
          dataSetOffset: meta.dataSetOffset,
          sha256,
          receivedAt: modifiedAt,
          integrity: scan.integrity,
        },
      };
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (error instanceof StoreError) return { kind: 'unreadable', reason: error.message };
    throw error;
  }
}

/** The File Meta Information of a file; undefined where it has none. @throws StoreError */
export async function fileMetaOf(
  files: Pick<ProofFiles, 'open'>,
  path: string,
): Promise<FileMetaComplete | undefined> {
  const opened = await files.open(path);
  try {
    for (let bytes = HEAD_BYTES; ; bytes *= 4) {
      const head = Buffer.alloc(Math.min(bytes, opened.bytes));
      const got = await opened.read(head, 0);
      const meta = readFileMeta(head.subarray(0, got));
      if (meta.kind === 'complete') return meta;
      if (meta.kind === 'not-part-10' || bytes >= opened.bytes) return undefined;
    }
  } finally {
    await opened.close();
  }
}
