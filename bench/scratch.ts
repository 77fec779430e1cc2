import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import { rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A folder for one benchmark, and the processes that work in it. */
export interface Scratch {
  readonly folder: string;
  /** Makes a folder of its own inside. */
  make(name: string): Promise<string>;
  /** Names a process that must not outlive the benchmark. @returns a function to call when it has ended. */
  adopt(pid: number): () => void;
  remove(): Promise<void>;
}

/** Makes a scratch folder that also goes away, with all processes adopted, on Ctrl-C. */
export async function createScratch(parent = os.tmpdir()): Promise<Scratch> {
  const folder = await fs.mkdtemp(path.join(parent, 'bench-'));
  await spreadFolders(folder);
  const pids = new Set<number>();
  const interrupted = (): void => {
    for (const pid of pids) kill(pid);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    process.exit(130);
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  let count = 0;
  return {
    folder,
    async make(name) {
      count += 1;
      const made = path.join(folder, `${String(count).padStart(3, '0')}-${name}`);
      await fs.mkdir(made, { recursive: true });
      return made;
    },
    adopt(pid) {
      pids.add(pid);
      return () => pids.delete(pid);
    },
    async remove() {
      process.off('SIGINT', interrupted);
      process.off('SIGTERM', interrupted);
      for (const pid of pids) kill(pid);
      await fs.rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/**
 * Has ext4 give every folder inside a part of the disk of its own. Otherwise each receiver makes its files where those of
 * the one before it were just deleted, and ext4 looks for a place among them at length: it takes none that was freed
 * in the last minute. Other file systems do not know the attribute, nor need it.
 */
async function spreadFolders(folder: string): Promise<void> {
  await run('chattr', ['+T', folder]).catch(() => undefined);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has already ended.
  }
}
