import { type FileMeta, readFileMeta } from '../../dicom/part10/file-meta.ts';
import type { OpenedInstance } from '../ports/instance-store.ts';
import { DataSetInspector, type InspectedDataSet } from './data-set-inspector.ts';

const READ_BYTES = 1024 * 1024;

export interface InspectedObject extends InspectedDataSet {
  readonly meta: FileMeta;
}

/**
 * Reads a stored Part 10 file from end to end: File Meta Information, header, digest of its Data Set.
 * @returns undefined where it is not a Part 10 file with a Transfer Syntax UID.
 * @throws StoreError when reading fails.
 */
export async function inspectObject(opened: OpenedInstance): Promise<InspectedObject | undefined> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  const head = buffer.subarray(0, await opened.read(buffer, 0));
  const meta = readFileMeta(head);
  if (meta.kind !== 'complete' || meta.transferSyntaxUid === undefined) return undefined;
  const inspector = new DataSetInspector(meta.transferSyntaxUid);
  // The scanner may keep slices of what it is given, so every read gets memory of its own.
  inspector.write(Buffer.from(head.subarray(meta.dataSetOffset)));
  let position = head.length;
  for (;;) {
    const target = Buffer.allocUnsafe(READ_BYTES);
    const bytes = await opened.read(target, position);
    if (bytes === 0) break;
    inspector.write(target.subarray(0, bytes));
    position += bytes;
  }
  return { meta, ...(await inspector.end()) };
}
