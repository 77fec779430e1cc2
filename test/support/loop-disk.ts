import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { ARE_PEERS_REQUIRED } from './peer-programs.ts';
import { mountFailure } from './small-disk.ts';

/** A file system that keeps what it promises when power fails, and which a site may use. */
export type DurableFileSystem = 'ext4' | 'xfs' | 'btrfs';

/** Large enough for the smallest file system of each kind; the image is sparse. */
const DISK_MEGABYTES = 512;

/** A disk of its own, of which a copy can be taken as power loss would leave it. */
export interface LoopDisk {
  readonly path: string;
  /**
   * Takes what the disk holds at this moment, without what the kernel has only in memory. Whoever writes to it must
   * stand still.
   */
  losePower(): void;
  /** Mounts what {@link losePower} took in place of what is there now; nothing may be open below {@link path}. */
  restorePower(): void;
  remove(): Promise<void>;
}

/**
 * Whether a disk can be made of a file here (Linux, as root, with `mkfs` and kernel support); says so on standard output
 * where not.
 * @throws Error where `mkfs` is missing and `AVARA_INGEST_REQUIRE_PEERS=1`.
 */
export async function canLosePower(type: DurableFileSystem): Promise<boolean> {
  const why = mountFailure() ?? (await loopFailure(type));
  if (why === undefined) return true;
  process.stdout.write(`${type} on a loop device: ${why}; power loss is not tried on it\n`);
  return false;
}

async function loopFailure(type: DurableFileSystem): Promise<string | undefined> {
  try {
    const disk = await createLoopDisk(type);
    await disk.remove();
    return undefined;
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer };
    if (ARE_PEERS_REQUIRED && code === 'ENOENT') throw error;
    if (code === 'ENOENT') return `mkfs.${type} is not installed`;
    return stderr?.toString().trim().split('\n')[0] ?? String(error);
  }
}

export async function createLoopDisk(type: DurableFileSystem): Promise<LoopDisk> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'loop-disk-'));
  const [image, snapshot, mounted] = ['image', 'snapshot', 'mounted'].map((name) =>
    path.join(folder, name),
  ) as [string, string, string];
  const mount = (file: string): unknown => run('mount', '-t', type, '-o', 'loop', file, mounted);
  try {
    await fs.mkdir(mounted);
    await fs.writeFile(image, '');
    await fs.truncate(image, DISK_MEGABYTES * 1024 * 1024);
    run(`mkfs.${type}`, '-q', image);
    mount(image);
  } catch (error) {
    await fs.rm(folder, { recursive: true });
    throw error;
  }
  return {
    path: mounted,
    losePower() {
      // The kernel may write back meanwhile: a copy counts once nothing has changed under it.
      do {
        run('cp', '--sparse=always', image, snapshot);
      } while (!isSame(image, snapshot));
    },
    restorePower() {
      run('umount', mounted);
      run('mv', snapshot, image);
      mount(image);
    },
    async remove() {
      run('umount', mounted);
      await fs.rm(folder, { recursive: true });
    },
  };
}

function run(program: string, ...argv: readonly string[]): void {
  execFileSync(program, argv, { stdio: 'pipe' });
}

function isSame(one: string, other: string): boolean {
  try {
    run('cmp', '--silent', one, other);
    return true;
  } catch (error) {
    if ((error as { status?: number }).status !== 1) throw error;
    return false;
  }
}
