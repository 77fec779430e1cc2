import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** A file system of a few megabytes, to be filled; see {@link mountSmallDisk}. */
export interface SmallDisk {
  readonly path: string;
  /** Fills it with a file of ours until `freeBytes` are left, as near as its blocks allow. */
  fill(freeBytes: number): Promise<void>;
  /** Removes what {@link fill} wrote. */
  clear(): Promise<void>;
  /** Lets nothing be written any more, or again. */
  remount(mode: 'ro' | 'rw'): void;
  unmount(): Promise<void>;
}

const BLOCK_BYTES = 4096;

/**
 * Whether file systems can be mounted here (Linux, as root); says so on standard output where not.
 * @throws Error where they cannot and `AVARA_INGEST_REQUIRE_MOUNT=1`.
 */
export function canMount(): boolean {
  const why = mountFailure();
  if (why === undefined) return true;
  const message = `tmpfs cannot be mounted here (${why})`;
  if (process.env.AVARA_INGEST_REQUIRE_MOUNT === '1') throw new Error(message);
  process.stdout.write(`${message}: the tests with a full disk are skipped\n`);
  return false;
}

/** Why file systems cannot be mounted here; undefined where they can. */
export function mountFailure(): string | undefined {
  if (process.platform !== 'linux') return process.platform;
  if (process.getuid?.() !== 0) return 'not root';
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}

/** Mounts an empty tmpfs. @param at a folder that exists; a temporary one where none is given. */
export async function mountSmallDisk(megabytes: number, at?: string): Promise<SmallDisk> {
  const folder = at ?? (await fs.mkdtemp(path.join(os.tmpdir(), 'small-disk-')));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  const ballast = path.join(folder, 'ballast');
  return {
    path: folder,
    async fill(freeBytes) {
      const file = await fs.open(ballast, 'a');
      try {
        for (;;) {
          const { bavail, bsize } = await fs.statfs(folder);
          const surplus = Math.min(bavail * bsize - freeBytes, 256 * BLOCK_BYTES);
          if (surplus < BLOCK_BYTES) return;
          await file.write(Buffer.alloc(surplus - (surplus % BLOCK_BYTES), 1));
        }
      } finally {
        await file.close();
      }
    },
    clear: () => fs.rm(ballast, { force: true }),
    remount(mode) {
      execFileSync('mount', ['-o', `remount,${mode}`, folder]);
    },
    async unmount() {
      execFileSync('umount', [folder]);
      if (at === undefined) await fs.rmdir(folder);
    },
  };
}

/**
 * Puts a read-only view over a folder, as a file system that went read-only shows itself to whoever opens files in it.
 * @returns how to take it away again.
 */
export function overmountReadOnly(folder: string): () => void {
  execFileSync('mount', ['--bind', folder, folder]);
  execFileSync('mount', ['-o', 'remount,bind,ro', folder]);
  return () => execFileSync('umount', [folder]);
}
