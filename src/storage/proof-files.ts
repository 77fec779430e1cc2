import type { Dirent } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

import { StoreError } from '../core/ports/instance-store.ts';
import type { FileContent, FoundFile, Leftover, ObjectArea, ProofFiles } from '../core/ports/proof-files.ts';
import { type InstanceKey, parseCustomerKey, type StudyKey } from '../core/study/instance.ts';
import { parseUid } from '../dicom/uid.ts';
import { DurableFolders } from './durable-folders.ts';
import { errnoOf, linkFile, renameFile, statFile, storeError } from './file-calls.ts';
import { openObject } from './open-object.ts';
import { conflictFileName, dataLayout, objectPath, parseStagingName, seriesFolder } from './layout.ts';

export interface ProofFilesOptions {
  /** Absolute path. */
  readonly dataDir: string;
  /** Reads a file from `offset` on, off the event loop. */
  readonly read: (
    path: string,
    options: { readonly offset: number; readonly maxBytesPerSecond: number },
  ) => Promise<FileContent>;
}

const OBJECT_NAME = /^([0-9.]{1,64})\.dcm$/;
const CONFLICT_NAME = /^([0-9.]{1,64})\.([0-9a-f]{16})\.dcm$/;
const REASON_SUFFIX = '.reason.json';

/** The data folder as proof and repair see it; see the port for what its methods promise. */
export function createProofFiles({
  dataDir,
  read,
}: ProofFilesOptions): ProofFiles & { close(): Promise<void> } {
  const layout = dataLayout(dataDir);
  const folders = new DurableFolders();
  const absolute = (relative: string): string => path.join(dataDir, relative);

  async function* filesOf(area: ObjectArea, study: StudyKey): AsyncGenerator<FoundFile> {
    const folder = path.join(area, study.customer, study.studyInstanceUid);
    for (const series of await list(absolute(folder))) {
      const inSeries = path.join(folder, series.name);
      const seriesInstanceUid = series.isDirectory() ? parseUid(series.name) : undefined;
      if (seriesInstanceUid === undefined) {
        yield* found(absolute, inSeries, undefined);
        continue;
      }
      for (const entry of await list(absolute(inSeries))) {
        const match = (area === 'objects' ? OBJECT_NAME : CONFLICT_NAME).exec(entry.name);
        const sopInstanceUid = entry.isFile() ? parseUid(match?.[1] ?? '') : undefined;
        const key = sopInstanceUid && { ...study, seriesInstanceUid, sopInstanceUid };
        yield* found(absolute, path.join(inSeries, entry.name), key, match?.[2]);
      }
    }
  }

  async function* foreign(area: ObjectArea): AsyncGenerator<string> {
    for (const customer of await list(absolute(area))) {
      const folder = path.join(area, customer.name);
      if (!customer.isDirectory() || parseCustomerKey(customer.name) === undefined) {
        yield folder;
        continue;
      }
      for (const study of await list(absolute(folder)))
        if (!study.isDirectory() || parseUid(study.name) === undefined) yield path.join(folder, study.name);
    }
  }

  return {
    async customers(area) {
      const entries = await list(absolute(area));
      return entries.flatMap((entry) => (entry.isDirectory() ? (parseCustomerKey(entry.name) ?? []) : []));
    },
    async *studies(area, customer) {
      for (const entry of await list(absolute(path.join(area, customer)))) {
        const uid = entry.isDirectory() ? parseUid(entry.name) : undefined;
        if (uid !== undefined) yield uid;
      }
    },
    filesOf,
    foreign,
    async isStaged(relative) {
      const file = await statFile(absolute(relative)).catch(() => undefined);
      if (file === undefined || file.nlink < 2) return false;
      for (const entry of await list(layout.incoming)) {
        const staged = await statFile(path.join(layout.incoming, entry.name)).catch(() => undefined);
        if (staged?.ino === file.ino) return true;
      }
      return false;
    },
    exists: (relative) =>
      statFile(absolute(relative)).then(
        () => true,
        (error: unknown) => {
          if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
          throw storeError('look for a file', error);
        },
      ),
    pathOf: (key) => path.join('objects', objectPath(key)),
    conflictPathOf: (key, sha256) => path.join('conflicts', seriesFolder(key), conflictFileName(key, sha256)),
    read: (relative, offset, maxBytesPerSecond) => read(absolute(relative), { offset, maxBytesPerSecond }),
    open: (relative) => openObject(absolute(relative)),
    leftovers: () => leftoversOf(dataDir),
    async setAside(relative) {
      const below = relative.split(path.sep).slice(1);
      const folder = path.join('damaged', ...below.slice(0, -1));
      try {
        const target = await folders.ensure(dataDir, folder);
        const name = await freeName(target, below.at(-1) ?? '');
        await renameFile(absolute(relative), path.join(target, name));
        await folders.sync(target);
        await folders.sync(path.dirname(absolute(relative)));
        return path.join(folder, name);
      } catch (error) {
        throw storeError('move a damaged file aside', error);
      }
    },
    async link(from, to) {
      try {
        const folder = await folders.ensure(dataDir, path.dirname(to));
        await linkFile(absolute(from), absolute(to));
        await folders.sync(folder);
      } catch (error) {
        throw storeError('put a whole copy in place', error);
      }
    },
    close: () => folders.close(),
  };
}

async function* found(
  absolute: (relative: string) => string,
  relative: string,
  key: InstanceKey | undefined,
  digestStart?: string,
): AsyncGenerator<FoundFile> {
  const stats = await statFile(absolute(relative)).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw storeError('look at a file', error);
  });
  // Gone since the folder was listed.
  if (stats === undefined) return;
  yield {
    path: relative,
    bytes: stats.size,
    modifiedAt: Math.trunc(stats.mtimeMs),
    ...(key !== undefined && { key }),
    ...(digestStart !== undefined && { digestStart }),
  };
}

async function list(folder: string): Promise<readonly Dirent[]> {
  try {
    return await fs.readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw storeError('list a folder of the data folder', error);
  }
}

/** A name that is free: whoever sets a file aside twice keeps both. */
async function freeName(folder: string, name: string): Promise<string> {
  for (let number = 1; number < 10_000; number += 1) {
    const candidate = number === 1 ? name : name.replace(/(\.dcm)?$/, `.${number}$1`);
    if (
      !(await fs.stat(path.join(folder, candidate)).then(
        () => true,
        () => false,
      ))
    )
      return candidate;
  }
  throw new StoreError('io', 'damaged/ holds too many files of one name');
}

async function* leftoversOf(dataDir: string): AsyncGenerator<Leftover> {
  for (const entry of await list(path.join(dataDir, 'incoming'))) {
    const relative = path.join('incoming', entry.name);
    const stats = await statFile(path.join(dataDir, relative)).catch(() => undefined);
    if (stats === undefined) continue;
    const parsed = parseStagingName(entry.name);
    const kind = parsed === undefined ? 'foreign' : parsed.sha256 === undefined ? 'partial' : 'staged';
    yield { area: 'incoming', path: relative, modifiedAt: Math.trunc(stats.mtimeMs), kind };
  }
  for (const customer of await list(path.join(dataDir, 'quarantine'))) {
    if (!customer.isDirectory() || parseCustomerKey(customer.name) === undefined) continue;
    yield* quarantineHalves(dataDir, path.join('quarantine', customer.name));
  }
}

/** Entries are `<id><extension>` with `<id>.reason.json`; where the file stayed outside, the reason alone. */
async function* quarantineHalves(dataDir: string, folder: string): AsyncGenerator<Leftover> {
  const names = (await list(path.join(dataDir, folder))).map(({ name }) => name);
  const reasons = new Set(names.filter((name) => name.endsWith(REASON_SUFFIX)));
  const leftover = async (name: string, kind: Leftover['kind']): Promise<Leftover | undefined> => {
    const stats = await statFile(path.join(dataDir, folder, name)).catch(() => undefined);
    return (
      stats && {
        area: 'quarantine',
        path: path.join(folder, name),
        modifiedAt: Math.trunc(stats.mtimeMs),
        kind,
      }
    );
  };
  const present = new Set(names);
  for (const name of names) {
    if (reasons.has(name)) {
      const file = await fileNamedIn(path.join(dataDir, folder, name));
      if (file === undefined || present.has(file)) continue;
      const half = await leftover(name, 'no-file');
      if (half !== undefined) yield half;
    } else {
      const id = /^([0-9a-zT]+-[0-9a-f]{16})/.exec(name)?.[1] ?? name;
      if (reasons.has(`${id}${REASON_SUFFIX}`)) continue;
      const half = await leftover(name, 'no-reason');
      if (half !== undefined) yield half;
    }
  }
}

async function fileNamedIn(reasonFile: string): Promise<string | undefined> {
  try {
    const { file } = JSON.parse(await fs.readFile(reasonFile, 'utf8')) as { file?: unknown };
    return typeof file === 'string' ? path.basename(file) : undefined;
  } catch {
    return undefined;
  }
}
