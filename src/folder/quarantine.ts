import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

import type { Rejection, RejectionCode } from '../core/ingest/file-outcome.ts';
import type { ByteSource } from '../core/ports/byte-source.ts';
import type { QuarantineEntry } from '../core/ports/file-intake.ts';
import { type CustomerKey, parseCustomerKey } from '../core/study/instance.ts';
import { type Disposal, lookAt, moveFile, syncFile, syncFolder } from './disposal.ts';
import type { FileStamp } from './file-stamp.ts';
import { errorCode } from './source-file.ts';

const REASON_SUFFIX = '.reason.json';
const ENTRY_ID = /^[0-9a-zT]+-[0-9a-f]{16}$/;

export interface QuarantineDetails {
  readonly customer: CustomerKey;
  readonly source: QuarantineEntry['source'];
  /** Where it came from, absolute. */
  readonly path: string;
  /** Its name in the archive at `path`. */
  readonly member?: string;
  readonly bytes: number;
  readonly rejection: Rejection;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/**
 * Keeps what could not be stored, each with a `.reason.json` beside it: `quarantine/<customer>/<id><extension>`. The
 * folder is the truth; nothing here depends on the index. Names are made from a time and a random or hashed number.
 */
export class Quarantine {
  readonly #root: string;
  /** Known number of entries, kept up to date by this process. */
  #count = 0;

  private constructor(root: string) {
    this.#root = root;
  }

  /**
   * Opens the quarantine below a data folder, and drops the reasons of files that never arrived: a crash came in between,
   * and they are still where they were.
   */
  static async open(dataDir: string): Promise<Quarantine> {
    const quarantine = new Quarantine(path.join(dataDir, 'quarantine'));
    await fs.mkdir(quarantine.#root, { recursive: true, mode: 0o750 });
    await fs.rm(quarantine.scratchFolder, { recursive: true, force: true });
    await quarantine.#dropUnfinished();
    for await (const { id, customer } of quarantine.#ids()) {
      const entry = await quarantine.#read(customer, id);
      const isLost =
        entry?.file !== undefined && (await lookAt(quarantine.#pathOf(customer, entry.file))) === undefined;
      if (isLost) await fs.rm(quarantine.#reasonPath(customer, id), { force: true });
      else quarantine.#count += 1;
    }
    return quarantine;
  }

  get count(): number {
    return this.#count;
  }

  /** For files that are needed while something is read; emptied at each start. */
  get scratchFolder(): string {
    return path.join(this.#root, '.scratch');
  }

  /** Moves a file in. @returns `changed` or `gone` where it is not the one that was read any more; nothing is done then. */
  async hold(
    details: QuarantineDetails,
    stamp: FileStamp,
  ): Promise<QuarantineEntry | Exclude<Disposal, 'done'>> {
    const folder = await this.#folderOf(details.customer);
    const entry = newEntry(details, newId(details.at), extensionOf(details.path));
    await this.#write(entry);
    try {
      const moved = await moveFile(details.path, stamp, path.join(folder, entry.file));
      if (typeof moved === 'string') {
        await this.#forget(entry);
        return moved;
      }
    } catch (error) {
      await this.#forget(entry);
      throw error;
    }
    await syncFolder(folder);
    return entry;
  }

  /**
   * Copies bytes in that have no file of their own.
   * @param stamp of the archive they come from: the same bytes again take their own place.
   */
  async holdBytes(details: QuarantineDetails, source: ByteSource, stamp: string): Promise<QuarantineEntry> {
    const folder = await this.#folderOf(details.customer);
    const id = hashedId(details.path, details.member, stamp);
    const entry = newEntry(details, id, extensionOf(details.member ?? details.path));
    const target = path.join(folder, entry.file);
    await this.#write(entry);
    try {
      await fs.writeFile(`${target}.part`, source.read(), { flag: 'w', mode: 0o640 });
      await syncFile(`${target}.part`);
      await fs.rename(`${target}.part`, target);
      await syncFolder(folder);
    } catch (error) {
      await fs.rm(`${target}.part`, { force: true });
      await this.#forget(entry);
      throw error;
    }
    return entry;
  }

  /** Notes the reason only; the file stays where it is. The note of the same file again takes its place. */
  async note(details: QuarantineDetails): Promise<QuarantineEntry> {
    await this.#folderOf(details.customer);
    const entry = newEntry(details, hashedId(details.path, details.member), undefined);
    await this.#write(entry);
    return entry;
  }

  /** Newest first. @param customer of this customer only. */
  async list(limit: number, customer?: CustomerKey): Promise<readonly QuarantineEntry[]> {
    const ids: { id: string; customer: CustomerKey }[] = [];
    for await (const found of this.#ids())
      if (customer === undefined || found.customer === customer) ids.push(found);
    ids.sort((a, b) => (a.id < b.id ? 1 : -1));
    const entries: QuarantineEntry[] = [];
    for (const { id, customer: owner } of ids) {
      if (entries.length >= limit) break;
      const entry = await this.#read(owner, id);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  async find(id: string): Promise<QuarantineEntry | undefined> {
    if (!ENTRY_ID.test(id)) return undefined;
    for await (const found of this.#ids()) if (found.id === id) return this.#read(found.customer, id);
    return undefined;
  }

  /** Where the entry's bytes are: in here, or where they always were. */
  locate(entry: QuarantineEntry): string {
    return entry.file === undefined ? entry.path : this.#pathOf(entry.customer, entry.file);
  }

  /** Writes down that another try ended no better. */
  async update(entry: QuarantineEntry, { code, reason }: Rejection): Promise<QuarantineEntry> {
    const updated = { ...entry, code, reason, attempts: entry.attempts + 1 };
    await this.#write(updated);
    return updated;
  }

  /** Forgets an entry whose bytes are safe elsewhere by now; the file in here must be gone already. */
  async release(entry: QuarantineEntry): Promise<void> {
    await this.#forget(entry);
  }

  /** Drops the note about a file that was stored after all. */
  async dropNote(customer: CustomerKey, filePath: string): Promise<void> {
    const id = hashedId(filePath, undefined);
    if ((await lookAt(this.#reasonPath(customer, id))) !== undefined) await this.#forget({ customer, id });
  }

  /** Removes copies that a crash cut short; what they were made of is where it was. */
  async #dropUnfinished(): Promise<void> {
    for await (const folder of await fs.opendir(this.#root)) {
      if (!folder.isDirectory() || parseCustomerKey(folder.name) === undefined) continue;
      const at = path.join(this.#root, folder.name);
      for await (const { name } of await fs.opendir(at))
        if (name.endsWith('.part')) await fs.rm(path.join(at, name), { force: true });
    }
  }

  async *#ids(): AsyncGenerator<{ id: string; customer: CustomerKey }, void, undefined> {
    for await (const folder of await fs.opendir(this.#root)) {
      const customer = folder.isDirectory() ? parseCustomerKey(folder.name) : undefined;
      if (customer === undefined) continue;
      for await (const { name } of await fs.opendir(path.join(this.#root, customer))) {
        const id = name.endsWith(REASON_SUFFIX) ? name.slice(0, -REASON_SUFFIX.length) : '';
        if (ENTRY_ID.test(id)) yield { id, customer };
      }
    }
  }

  async #folderOf(customer: CustomerKey): Promise<string> {
    const folder = path.join(this.#root, customer);
    await fs.mkdir(folder, { recursive: true, mode: 0o750 });
    return folder;
  }

  #pathOf(customer: CustomerKey, file: string): string {
    return path.join(this.#root, customer, path.basename(file));
  }

  #reasonPath(customer: CustomerKey, id: string): string {
    return path.join(this.#root, customer, `${id}${REASON_SUFFIX}`);
  }

  async #write(entry: QuarantineEntry): Promise<void> {
    const target = this.#reasonPath(entry.customer, entry.id);
    const isNew = (await lookAt(target)) === undefined;
    const handle = await fs.open(`${target}.part`, 'w', 0o640);
    try {
      await handle.writeFile(`${JSON.stringify(entry, undefined, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(`${target}.part`, target);
    if (isNew) this.#count += 1;
  }

  async #forget({ customer, id }: Pick<QuarantineEntry, 'customer' | 'id'>): Promise<void> {
    await fs.rm(this.#reasonPath(customer, id), { force: true });
    this.#count = Math.max(0, this.#count - 1);
  }

  /** @returns undefined for one that is gone or that somebody damaged. */
  async #read(customer: CustomerKey, id: string): Promise<QuarantineEntry | undefined> {
    let text: string;
    try {
      text = await fs.readFile(this.#reasonPath(customer, id), 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const value = JSON.parse(text) as Partial<QuarantineEntry>;
      if (typeof value.path !== 'string' || typeof value.code !== 'string') return undefined;
      return { ...blankEntry(customer, id), ...value, customer, id };
    } catch {
      return undefined;
    }
  }
}

function newEntry(
  details: QuarantineDetails,
  id: string,
  extension: string,
): QuarantineEntry & { readonly file: string };
function newEntry(details: QuarantineDetails, id: string, extension: undefined): QuarantineEntry;
function newEntry(details: QuarantineDetails, id: string, extension: string | undefined): QuarantineEntry {
  const { customer, source, path: from, member, bytes, rejection, at } = details;
  return {
    id,
    customer,
    source,
    code: rejection.code,
    reason: rejection.reason,
    path: from,
    ...(member !== undefined && { member }),
    bytes,
    quarantinedAt: new Date(at).toISOString(),
    attempts: 1,
    ...(extension !== undefined && { file: `${id}${extension}` }),
  };
}

function blankEntry(customer: CustomerKey, id: string): QuarantineEntry {
  const code: RejectionCode = 'internal-error';
  return {
    id,
    customer,
    source: 'folder',
    code,
    reason: '',
    path: '',
    bytes: 0,
    quarantinedAt: '',
    attempts: 1,
  };
}

/** Sorts by time. */
function newId(at: number): string {
  const time = new Date(at).toISOString().replace(/[-:]/g, '').slice(0, 15);
  return `${time}-${randomBytes(8).toString('hex')}`;
}

function hashedId(filePath: string, member: string | undefined, stamp?: string): string {
  const text = JSON.stringify([filePath, member ?? null, stamp ?? null]);
  return `file-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

/** The extension, where it is a plain one, so that people know what to open the file with. */
function extensionOf(name: string): string {
  const extension = path.extname(name).toLowerCase();
  return /^\.[a-z0-9]{1,8}$/.test(extension) && extension !== '.json' && extension !== '.part'
    ? extension
    : '';
}
