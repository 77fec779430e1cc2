import fs from 'node:fs/promises';
import path from 'node:path';

import { CHAIN_START, type ChainHead, hashOfLine, parseAuditLine } from './audit-line.ts';
import { syncFolder } from './sync-folder.ts';

const FILE_PATTERN = /^audit-(\d{4}-\d{2}-\d{2})\.jsonl$/;
/** Enough for the last line of a file: entries are far shorter. */
const TAIL_BYTES = 65_536;

/** A file of the trail. */
export interface AuditFileName {
  readonly name: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
}

/** The files of a trail, the oldest first. */
export async function auditFiles(folder: string): Promise<readonly AuditFileName[]> {
  const names = (await fs.readdir(folder)).sort();
  return names.flatMap((name) => {
    const day = FILE_PATTERN.exec(name)?.[1];
    return day === undefined ? [] : [{ name, day }];
  });
}

/** The folder of the audit trail, with the day's file open. One call at a time. */
export class AuditFolder {
  readonly #folder: string;
  #day = '';
  #file: fs.FileHandle | undefined;
  /** Where the last whole write ended: a failed write is cut off there before it is tried again. */
  #end = 0;
  #isTorn = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder. @returns where the chain ends. */
  async open(): Promise<ChainHead> {
    await fs.mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const files = await auditFiles(this.#folder);
    for (const { name } of files.toReversed()) {
      const head = await lastRecord(path.join(this.#folder, name));
      if (head !== undefined) return head;
    }
    return { seq: 0, hash: CHAIN_START };
  }

  /** Appends whole lines to the day's file; resolves once they are on stable storage. */
  async append(day: string, lines: readonly string[]): Promise<void> {
    const file = await this.#fileOf(day);
    if (this.#isTorn) {
      await file.truncate(this.#end);
      this.#isTorn = false;
    }
    const bytes = Buffer.from(lines.join(''));
    this.#isTorn = true;
    await file.appendFile(bytes);
    await file.datasync();
    this.#isTorn = false;
    this.#end += bytes.length;
  }

  /** Files of days before `day`, and where the chain was at the end of the last of them. */
  async before(
    day: string,
  ): Promise<{ readonly files: readonly string[]; readonly head: ChainHead } | undefined> {
    const files = (await auditFiles(this.#folder)).filter((file) => file.day < day).map(({ name }) => name);
    for (const name of files.toReversed()) {
      const head = await lastRecord(path.join(this.#folder, name));
      if (head !== undefined) return { files, head };
    }
    return undefined;
  }

  /** Deletes files that {@link before} named. */
  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) await fs.rm(path.join(this.#folder, name), { force: true });
    await syncFolder(this.#folder);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#day = '';
    await file?.close();
  }

  async #fileOf(day: string): Promise<fs.FileHandle> {
    if (this.#file !== undefined && this.#day === day) return this.#file;
    await this.close();
    const file = await fs.open(path.join(this.#folder, `audit-${day}.jsonl`), 'a+', 0o600);
    try {
      await syncFolder(this.#folder);
      let { size } = await file.stat();
      // A crash may have cut the last line short: it is closed, so that it spoils no other.
      if (size > 0 && (await readTail(file, size, 1)) !== '\n') {
        await file.appendFile('\n');
        size += 1;
      }
      this.#end = size;
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#isTorn = false;
    this.#file = file;
    this.#day = day;
    return file;
  }
}

async function lastRecord(file: string): Promise<ChainHead | undefined> {
  const handle = await fs.open(file, 'r');
  try {
    const { size } = await handle.stat();
    const lines = (await readTail(handle, size, TAIL_BYTES)).split('\n').reverse();
    for (const line of lines) {
      const seq = parseAuditLine(line)?.seq;
      if (seq !== undefined) return { seq, hash: hashOfLine(line) };
    }
    return undefined;
  } finally {
    await handle.close();
  }
}

async function readTail(file: fs.FileHandle, size: number, bytes: number): Promise<string> {
  const length = Math.min(size, bytes);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
  return buffer.toString('utf8', 0, bytesRead);
}
