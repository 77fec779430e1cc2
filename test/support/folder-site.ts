import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

import { readFileMeta } from '../../src/dicom/part10/file-meta.ts';
import { part10Of, syntheticCt } from './data-sets.ts';
import { CENTRES, createSite, type Site } from './site.ts';
import { waitUntil } from './wait-until.ts';

export interface FolderState {
  readonly path: string;
  readonly state: string;
  readonly detail?: string;
  readonly waiting: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly quarantined: number;
}

export interface FolderSite {
  readonly site: Site;
  readonly inbox: string;
  /** The one watched folder. */
  readonly folder: () => Promise<FolderState>;
  /** Waits until `fits` holds for the folder. */
  readonly folderWhen: (
    what: string,
    fits: (folder: FolderState) => boolean,
    timeoutMs?: number,
  ) => Promise<FolderState>;
  readonly quarantine: () => Promise<
    readonly { id: string; code: string; reason: string; path: string; file?: string }[]
  >;
  /** Answer of the admin API. */
  readonly ask: (pathAndQuery: string, method?: 'GET' | 'POST') => Promise<unknown>;
  /** SHA-256 of the Data Set of every stored object and conflict. */
  readonly storedDigests: () => Promise<readonly string[]>;
}

/** A site with one watched folder of the first centre; waiting times are short unless a test says otherwise. */
export async function createFolderSite(
  folder: Record<string, unknown> = {},
  config: Record<string, unknown> = {},
): Promise<FolderSite> {
  const settings = {
    path: './inbox',
    customer: CENTRES.city.customer,
    settledAfterSeconds: 0.5,
    quarantineAfterSeconds: 1,
    ...folder,
  };
  const site = await createSite({ config: { folders: [settings], ...config } });
  const inbox = path.join(site.folder, 'inbox');
  await fs.mkdir(inbox);
  const ask = async (pathAndQuery: string, method = 'GET'): Promise<unknown> => {
    const { host, port } = site.daemon.admin;
    const response = await fetch(`http://${host}:${port}${pathAndQuery}`, { method });
    return response.json();
  };
  const state = async (): Promise<FolderState> => {
    const { folders } = (await ask('/api/folders')) as { folders: readonly FolderState[] };
    const [first] = folders;
    if (first === undefined) throw new Error('no folder is watched');
    return first;
  };
  return {
    site,
    inbox,
    ask,
    folder: state,
    folderWhen: (what, fits, timeoutMs) =>
      waitUntil(
        what,
        async () => {
          const now = await state();
          return fits(now) ? now : undefined;
        },
        timeoutMs,
      ),
    async quarantine() {
      const { entries } = (await ask('/api/quarantine?limit=1000')) as {
        entries: Awaited<ReturnType<FolderSite['quarantine']>>;
      };
      return entries;
    },
    storedDigests: () => storedDigests(path.join(site.folder, 'data')),
  };
}

/** SHA-256 of the Data Set of every object and conflict in a data folder. */
export async function storedDigests(dataDir: string): Promise<readonly string[]> {
  const digests: string[] = [];
  for (const part of ['objects', 'conflicts']) {
    for (const file of await filesBelow(path.join(dataDir, part))) {
      const bytes = await fs.readFile(file);
      const meta = readFileMeta(bytes);
      if (meta.kind !== 'complete') throw new Error(`not a Part 10 file: ${file}`);
      digests.push(sha256(bytes.subarray(meta.dataSetOffset)));
    }
  }
  return digests;
}

export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await fs.readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A small CT as a Part 10 file, and the digest of its Data Set. */
export function ctFile(
  instanceNumber: number,
  side = 32,
): { readonly file: Buffer; readonly digest: string } {
  const instance = syntheticCt({ instanceNumber, rows: side, columns: side });
  return { file: part10Of(instance), digest: sha256(instance.dataSet) };
}
