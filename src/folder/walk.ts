import type { Dirent } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

import { isLeftAlone } from './file-names.ts';
import { errorCode } from './source-file.ts';

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
      for await (const entry of await fs.opendir(folder, { bufferSize: 256 })) {
        const at = path.join(folder, entry.name);
        const kind = isLeftAlone(entry.name) ? 'other' : kindOf(entry);
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

function kindOf(entry: Dirent): Found['kind'] {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'folder' : 'other';
}
