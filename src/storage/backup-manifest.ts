import fs from 'node:fs/promises';
import path from 'node:path';

import type { StateFile } from './state-files.ts';
import { syncFolder } from './sync-folder.ts';

const FORMAT_VERSION = 1;
const FILE = 'manifest.json';

/** What a backup holds. The digests of objects are in its index, whose own digest is here. */
export interface BackupManifest {
  readonly format: typeof FORMAT_VERSION;
  /** Of the program that made it. */
  readonly version: string;
  /** ISO 8601; everything acknowledged before is in the backup. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly index: StateFile & { readonly schemaVersion: number };
  readonly totals: {
    readonly studies: number;
    readonly instances: number;
    readonly conflicts: number;
    readonly bytes: number;
  };
  /** Objects that the index names and that could not be copied. */
  readonly incomplete: number;
  readonly state: readonly StateFile[];
}

/** The folder is no backup, or its manifest is damaged. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** @returns undefined where there is none. @throws ManifestError */
export async function readManifest(folder: string): Promise<BackupManifest | undefined> {
  let text: string;
  try {
    text = await fs.readFile(path.join(folder, FILE), 'utf8');
  } catch {
    return undefined;
  }
  try {
    const manifest = JSON.parse(text) as Omit<BackupManifest, 'format'> & { format: number };
    if (
      manifest.format === FORMAT_VERSION &&
      typeof manifest.index.path === 'string' &&
      Array.isArray(manifest.state)
    )
      return { ...manifest, format: FORMAT_VERSION };
  } catch {
    // Below.
  }
  throw new ManifestError(`${path.join(folder, FILE)} is damaged, or of another version of this program`);
}

/** Replaces the manifest in one step: from then on the backup is this one. */
export async function writeManifest(folder: string, manifest: Omit<BackupManifest, 'format'>): Promise<void> {
  const file = path.join(folder, FILE);
  const handle = await fs.open(`${file}.part`, 'w', 0o640);
  try {
    await handle.writeFile(`${JSON.stringify({ format: FORMAT_VERSION, ...manifest }, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.rename(`${file}.part`, file);
  await syncFolder(folder);
}
