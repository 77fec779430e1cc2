import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

import { extractHeader, HEADER_TAGS } from '../../src/core/study/extract-header.ts';
import { createDataSetScanner } from '../../src/dicom/part10/data-set-scanner.ts';
import { readFileMeta } from '../../src/dicom/part10/file-meta.ts';
import { inflateDataSet } from '../../src/dicom/part10/inflate.ts';
import { assumedTransferSyntax } from '../../src/dicom/transfer-syntax.ts';
import { uid } from '../../src/dicom/uid.ts';

/** A file of the folder that `DICOM_CORPUS` names. */
export interface CorpusFile {
  /** Relative to the folder, with `/`. */
  readonly name: string;
  readonly path: string;
  readonly bytes: Buffer;
}

/** All files of the corpus by name; none, and a line that says so, where `DICOM_CORPUS` is unset. */
export function listCorpus(): readonly CorpusFile[] {
  const root = process.env.DICOM_CORPUS;
  if (root === undefined) {
    process.stdout.write('DICOM_CORPUS is unset: no real file is sent\n');
    return [];
  }
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => ({ name: name.split(path.sep).join('/'), path: path.join(root, name) }))
    .filter((file) => statSync(file.path).isFile())
    .map((file) => ({ ...file, bytes: readFileSync(file.path) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The file as a C-STORE would carry it. Identities are left out where the file has none. */
export interface CorpusObject {
  readonly transferSyntaxUid: string;
  readonly dataSet: Buffer;
  /** What the Data Set itself says. */
  readonly own: Identity | undefined;
  /** What the File Meta Information says. */
  readonly meta: Partial<Identity>;
}

export interface Identity {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
}

/** @param assumedSyntaxUid of files that do not name their own. */
export async function readCorpusObject(bytes: Buffer, assumedSyntaxUid: string): Promise<CorpusObject> {
  const meta = readFileMeta(bytes);
  const isPart10 = meta.kind === 'complete';
  const transferSyntaxUid = (isPart10 ? meta.transferSyntaxUid : undefined) ?? assumedSyntaxUid;
  const dataSet = isPart10 ? bytes.subarray(meta.dataSetOffset) : bytes;
  const syntax = assumedTransferSyntax(uid(transferSyntaxUid));
  const scanner = createDataSetScanner({ transferSyntax: syntax, wanted: HEADER_TAGS });
  scanner.write(syntax.deflated ? (await inflateDataSet(dataSet)).bytes : dataSet);
  const extracted = extractHeader(scanner.end());
  const { sopClassUid, sopInstanceUid } = isPart10 ? meta : {};
  return {
    transferSyntaxUid,
    dataSet,
    own: extracted.ok ? extracted.header : undefined,
    meta: {
      ...(sopClassUid !== undefined && { sopClassUid }),
      ...(sopInstanceUid !== undefined && { sopInstanceUid }),
    },
  };
}
