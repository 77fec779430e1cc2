import fs from 'node:fs/promises';
import path from 'node:path';

import { identifyFile, MAX_HEAD_LENGTH, type FileKind } from '../../core/ingest/identify-file.ts';
import { isStorageSopClass, sopClassName } from '../../dicom/sop-class.ts';

/** A Part 10 file whose Data Set can go out as it is. */
export interface SendableFile {
  readonly kind: 'sendable';
  readonly path: string;
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
  /** Where the Data Set begins in the file. */
  readonly offset: number;
  /** Length of the Data Set. */
  readonly bytes: number;
}
export interface UnsendableFile {
  /** `not-dicom`: found in a folder and no business of ours; `unreadable`: was to be sent, and cannot be. */
  readonly kind: 'not-dicom' | 'unreadable';
  readonly path: string;
  /** One line without patient data. */
  readonly reason: string;
}
export type FoundFile = SendableFile | UnsendableFile;

/** Node's file functions read no more into one buffer. */
export const MAX_DATA_SET_BYTES = 2 ** 31 - 1;
const FIRST_HEAD_BYTES = 4096;

/**
 * Finds what is to be sent: files as they are named, folders with all below them, in the order of their names. Links to
 * folders are not followed, so that no loop can be walked.
 */
export async function* findFiles(paths: readonly string[]): AsyncGenerator<FoundFile, void, undefined> {
  for (const named of paths) {
    let isFolder: boolean;
    try {
      isFolder = (await fs.stat(named)).isDirectory();
    } catch (error) {
      yield { kind: 'unreadable', path: named, reason: errorText(error) };
      continue;
    }
    if (isFolder) yield* walk(named);
    else {
      const found = await examine(named);
      yield found.kind === 'not-dicom' ? { ...found, kind: 'unreadable' } : found;
    }
  }
}

async function* walk(folder: string): AsyncGenerator<FoundFile, void, undefined> {
  let entries;
  try {
    entries = await fs.readdir(folder, { withFileTypes: true });
  } catch (error) {
    yield { kind: 'unreadable', path: folder, reason: errorText(error) };
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const found = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(found);
    else if (entry.isFile() || (entry.isSymbolicLink() && (await isFileBehind(found)))) yield examine(found);
  }
}

async function isFileBehind(link: string): Promise<boolean> {
  try {
    return (await fs.stat(link)).isFile();
  } catch {
    // A link to nothing is nothing to send.
    return false;
  }
}

async function examine(file: string): Promise<FoundFile> {
  try {
    const handle = await fs.open(file);
    try {
      const { size } = await handle.stat();
      for (let length = FIRST_HEAD_BYTES; ; length *= 4) {
        const head = Buffer.alloc(Math.min(length, size, MAX_HEAD_LENGTH));
        const { bytesRead } = await handle.read(head, 0, head.length, 0);
        const kind = identifyFile(head.subarray(0, bytesRead), bytesRead >= size);
        if (kind.kind !== 'needs-more') return describe(file, kind, size);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    return { kind: 'unreadable', path: file, reason: errorText(error) };
  }
}

function describe(file: string, kind: FileKind, size: number): FoundFile {
  const no = (as: UnsendableFile['kind'], reason: string): UnsendableFile => ({
    kind: as,
    path: file,
    reason,
  });
  switch (kind.kind) {
    case 'part-10':
      break;
    case 'data-set':
      return no('unreadable', 'no File Meta Information, so its Transfer Syntax is not known');
    case 'cut-off':
      return no('unreadable', 'ends inside its File Meta Information');
    case 'media-directory':
      return no('not-dicom', 'a DICOMDIR lists other files and is not sent itself');
    case 'zip':
    case 'gzip':
      return no('not-dicom', 'an archive: unpack it first');
    case 'empty':
      return no('not-dicom', 'empty');
    case 'unknown':
      return no(
        'not-dicom',
        kind.looksLike === undefined ? 'no Part 10 file' : `looks like ${kind.looksLike}`,
      );
  }
  const { sopClassUid, sopInstanceUid, transferSyntaxUid } = kind.meta;
  if (sopClassUid === undefined || sopInstanceUid === undefined || transferSyntaxUid === undefined) {
    return no(
      'unreadable',
      'its File Meta Information lacks the SOP Class, SOP Instance or Transfer Syntax UID',
    );
  }
  if (!isStorageSopClass(sopClassUid)) {
    return no('unreadable', `${sopClassName(sopClassUid) ?? sopClassUid} is not sent by C-STORE`);
  }
  const bytes = size - kind.offset;
  if (bytes <= 0) return no('unreadable', 'ends before its Data Set');
  if (bytes > MAX_DATA_SET_BYTES) {
    return no('unreadable', 'its Data Set is larger than 2 GiB, which this command cannot send');
  }
  return {
    kind: 'sendable',
    path: file,
    sopClassUid,
    sopInstanceUid,
    transferSyntaxUid,
    offset: kind.offset,
    bytes,
  };
}

function errorText(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read';
  return code ?? message;
}
