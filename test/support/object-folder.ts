import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

import { readFileMeta } from '../../src/dicom/part10/file-meta.ts';

/** A Part 10 file in a data folder's object store. */
export interface ObjectFile {
  readonly customer: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
  readonly dataSetBytes: number;
  readonly dataSetSha256: string;
  readonly path: string;
}

/** Reads all objects of a data folder. @throws Error for a file that is no Part 10 file or lies where none should. */
export function readObjectFolder(dataDir: string): Promise<readonly ObjectFile[]> {
  return readFolder(path.join(dataDir, 'objects'), /\.dcm$/);
}

/** The same of the objects that were kept apart, because another one with their UIDs was there first. */
export function readConflictFolder(dataDir: string): Promise<readonly ObjectFile[]> {
  return readFolder(path.join(dataDir, 'conflicts'), /\.[0-9a-f]{16}\.dcm$/);
}

async function readFolder(root: string, ending: RegExp): Promise<readonly ObjectFile[]> {
  const names = await fs.readdir(root, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  return Promise.all(
    files.map(({ parentPath, name }) => readObject(root, path.join(parentPath, name), ending)),
  );
}

async function readObject(root: string, file: string, ending: RegExp): Promise<ObjectFile> {
  const [customer, studyInstanceUid, seriesInstanceUid, name, ...rest] = path
    .relative(root, file)
    .split(path.sep);
  const bytes = await fs.readFile(file);
  const meta = readFileMeta(bytes);
  if (meta.kind !== 'complete') throw new Error(`${file} is no Part 10 file`);
  const sopInstanceUid = name?.replace(ending, '');
  const isInPlace = sopInstanceUid !== name && rest.length === 0;
  if (!isInPlace || customer === undefined || studyInstanceUid === undefined)
    throw new Error(`${file} lies where no object should`);
  if (meta.sopInstanceUid !== sopInstanceUid || sopInstanceUid === undefined)
    throw new Error(`${file} has the SOP Instance UID ${String(meta.sopInstanceUid)} in its File Meta`);
  const dataSet = bytes.subarray(meta.dataSetOffset);
  return {
    customer,
    studyInstanceUid,
    seriesInstanceUid: seriesInstanceUid ?? '',
    sopInstanceUid,
    transferSyntaxUid: meta.transferSyntaxUid ?? '',
    dataSetBytes: dataSet.length,
    dataSetSha256: createHash('sha256').update(dataSet).digest('hex'),
    path: file,
  };
}

/** Files left over from receptions; there should be none once every Association has ended. */
export function listIncoming(dataDir: string): Promise<readonly string[]> {
  return fs.readdir(path.join(dataDir, 'incoming'));
}
