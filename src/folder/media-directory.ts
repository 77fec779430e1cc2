import fs from 'node:fs/promises';
import path from 'node:path';

import { readFileMeta } from '../dicom/part10/file-meta.ts';
import { readReferencedFileIds } from '../dicom/part10/media-directory.ts';
import { assumedTransferSyntax } from '../dicom/transfer-syntax.ts';
import type { SourceFile } from './source-file.ts';
import { systemPath } from './system-path.ts';

/** A DICOMDIR of a full Blu-ray disc has about 50 MB; a larger one is looked at no further. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;

/**
 * Finds the files that a DICOMDIR refers to, relative to its own folder. Names on media are upper case, but often shown in
 * lower case or with a version (`;1`), so they are compared without those.
 * @returns absolute paths of those that are there, and how many are not.
 * @throws SourceError where the file cannot be read.
 */
export async function findReferencedFiles(
  file: SourceFile,
): Promise<{ readonly found: readonly string[]; readonly missing: number }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of file.read()) {
    bytes += chunk.length;
    if (bytes > MAX_DIRECTORY_BYTES) break;
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  const meta = readFileMeta(whole);
  if (meta.kind !== 'complete' || meta.transferSyntaxUid === undefined) return { found: [], missing: 0 };
  const syntax = assumedTransferSyntax(meta.transferSyntaxUid);
  const listings = new Map<string, Promise<ReadonlyMap<string, string>>>();
  const list = (folder: string): Promise<ReadonlyMap<string, string>> => {
    const known = listings.get(folder) ?? listNames(folder);
    listings.set(folder, known);
    return known;
  };
  const found = new Set<string>();
  let missing = 0;
  for (const components of readReferencedFileIds(whole.subarray(meta.dataSetOffset), syntax)) {
    let at: string | undefined = path.dirname(file.path);
    for (const component of components) {
      const name: string | undefined = at && (await list(at)).get(comparable(component));
      at = name && at && path.join(at, name);
      if (at === undefined) break;
    }
    if (at === undefined) missing += 1;
    else found.add(at);
  }
  return { found: [...found], missing };
}

/** One sentence about a DICOMDIR, for whoever wonders why it is not stored. */
export async function describeMediaDirectory(file: SourceFile): Promise<string> {
  const { found, missing } = await findReferencedFiles(file);
  const total = found.length + missing;
  const lists = `A DICOMDIR lists other files and is not stored itself. It lists ${total}`;
  return missing === 0 ? `${lists}, all of them there.` : `${lists}; ${found.length} of them were there.`;
}

/** By comparable name; empty for what is no folder. */
async function listNames(folder: string): Promise<ReadonlyMap<string, string>> {
  try {
    return new Map((await fs.readdir(systemPath(folder))).map((name) => [comparable(name), name]));
  } catch {
    return new Map();
  }
}

function comparable(name: string): string {
  return name.toUpperCase().replace(/;\d+$/, '').replace(/\.$/, '');
}
