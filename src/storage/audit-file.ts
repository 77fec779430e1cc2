import fs from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from './sync-folder.ts';

const FILE_PATTERN = /^audit-\d{4}-\d{2}-\d{2}\.jsonl$/;
/** Enough for the last line of a file: entries are far shorter. */
const TAIL_BYTES = 65_536;

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

  /** Makes the folder. @returns the highest sequence number found, 0 where there is none. */
  async open(): Promise<number> {
    await fs.mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const names = (await fs.readdir(this.#folder)).filter((name) => FILE_PATTERN.test(name)).sort();
    for (const name of names.reverse()) {
      const seq = await lastSequenceNumber(path.join(this.#folder, name));
      if (seq !== undefined) return seq;
    }
    return 0;
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

async function lastSequenceNumber(file: string): Promise<number | undefined> {
  const handle = await fs.open(file, 'r');
  try {
    const { size } = await handle.stat();
    const lines = (await readTail(handle, size, TAIL_BYTES)).split('\n').reverse();
    for (const line of lines) {
      const seq = sequenceNumberOf(line);
      if (seq !== undefined) return seq;
    }
    return undefined;
  } finally {
    await handle.close();
  }
}

function sequenceNumberOf(line: string): number | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null || !('seq' in entry)) return undefined;
    return Number.isSafeInteger(entry.seq) ? Number(entry.seq) : undefined;
  } catch {
    // A line cut short by a crash, or the first of the tail.
    return undefined;
  }
}

async function readTail(file: fs.FileHandle, size: number, bytes: number): Promise<string> {
  const length = Math.min(size, bytes);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
  return buffer.toString('utf8', 0, bytesRead);
}
