import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { arePeersInstalled } from './peer-programs.ts';

const run = promisify(execFile);

/** Call of the C library that is to fail; `write` stands for writing at a position. */
export type FailingCall = 'write' | 'fdatasync' | 'fsync';

/** A disk that fails when told to, as far as one process can see. */
export interface FailingDisk {
  /** For the process to be started with. */
  readonly env: Record<string, string>;
  /** From now on the call fails with EIO for what has this in its path. */
  fail(call: FailingCall, partOfPath: string): Promise<void>;
  /** Everything works again. */
  recover(): Promise<void>;
}

/** Whether {@link createFailingDisk} can be had here: on Linux, with a C compiler. Says so where not. */
export function canFail(): boolean {
  if (process.platform === 'linux') return arePeersInstalled('cc');
  process.stdout.write('not on Linux: a failing disk is not tried\n');
  return false;
}

/** @param folder for its own files. */
export async function createFailingDisk(folder: string): Promise<FailingDisk> {
  const source = path.join(import.meta.dirname, 'failing-disk.c');
  const library = path.join(folder, 'failing-disk.so');
  const orders = path.join(folder, 'failing-disk.txt');
  await run('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
  return {
    env: { LD_PRELOAD: library, FAILING_DISK: orders },
    async fail(call, partOfPath) {
      // At once, or the process could read half of it.
      await fs.writeFile(`${orders}.new`, `${call} ${partOfPath}`);
      await fs.rename(`${orders}.new`, orders);
    },
    recover: () => fs.rm(orders, { force: true }),
  };
}
