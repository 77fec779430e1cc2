import fs from 'node:fs/promises';
import path from 'node:path';

import { isLeftAlone } from './file-names.ts';
import { errorCode } from './source-file.ts';
import { systemPath, textOfName } from './system-path.ts';

/** Stands in a name that was read as UTF-8 for what is none. */
const REPLACEMENT = '\ufffd';

interface EntryKind {
  isFile(): boolean;
  isDirectory(): boolean;
}

/** What a walk comes across. */
export type Found =
  | { readonly kind: 'file' | 'folder'; readonly path: string }
  /** Left alone by its name, or neither file nor folder. */
  | { readonly kind: 'other'; readonly path: string };

export interface WalkOptions {
  /** Folders that are not entered. */
  readonly isExcluded?: (folder: string) => boolean;
  /** A folder that could not be listed; the walk goes on without it. */
  readonly onTrouble: (folder: string, error: unknown) => void;
}

/**
 * Lists a folder and all below it, each folder before its content, holding no more than a few entries at a time however
 * many there are. Symbolic links are not followed: they could lead in circles, or to files of others.
 */
export async function* walk(root: string, options: WalkOptions): AsyncGenerator<Found, void, undefined> {
  const { isExcluded = () => false, onTrouble } = options;
  const waiting = [root];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    yield { kind: 'folder', path: folder };
    try {
      for await (const { name, entry } of entriesOf(folder)) {
        const at = path.join(folder, name);
        const kind = isLeftAlone(name) ? 'other' : kindOf(entry);
        if (kind === 'folder') {
          if (!isExcluded(at)) waiting.push(at);
        } else {
          yield { kind, path: at };
        }
      }
    } catch (error) {
      // It was removed while we were on the way to it.
      if (folder === root || errorCode(error) !== 'ENOENT') onTrouble(folder, error);
    }
  }
}

/** The entries of a folder, a few at a time; only those whose names are not UTF-8 are read all at once. */
async function* entriesOf(
  folder: string,
): AsyncGenerator<{ name: string; entry: EntryKind }, void, undefined> {
  let hasOtherNames = false;
  for await (const entry of await fs.opendir(systemPath(folder), { bufferSize: 256 })) {
    if (entry.name.includes(REPLACEMENT)) hasOtherNames = true;
    else yield { name: entry.name, entry };
  }
  if (!hasOtherNames) return;
  for (const entry of await fs.readdir(systemPath(folder), { withFileTypes: true, encoding: 'buffer' }))
    if (entry.name.toString('utf8').includes(REPLACEMENT)) yield { name: textOfName(entry.name), entry };
}

function kindOf(entry: EntryKind): Found['kind'] {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'folder' : 'other';
}
