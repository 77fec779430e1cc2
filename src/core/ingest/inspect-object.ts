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
  let bytes = await opened.read(buffer, 0);
  const meta = readFileMeta(buffer.subarray(0, bytes));
  if (meta.kind !== 'complete' || meta.transferSyntaxUid === undefined) return undefined;
  const inspector = new DataSetInspector(meta.transferSyntaxUid);
  inspector.write(buffer.subarray(meta.dataSetOffset, bytes));
  for (let position = bytes; ; position += bytes) {
    bytes = await opened.read(buffer, position);
    if (bytes === 0) break;
    inspector.write(buffer.subarray(0, bytes));
  }
  return { meta, ...(await inspector.end()) };
}
