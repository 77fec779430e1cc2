import { access, constants, link, mkdtemp, open, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileFaultOf } from '../../platform/file-fault.ts';
import { formatBytes } from '../output.ts';
import type { CheckContext, CheckResult } from './check.ts';
import { failureText } from './check.ts';

/** Free space of so many times the reserve is enough not to be looked at tomorrow. */
const COMFORTABLE_RESERVES = 10;

/** The data folder can hold objects durably, and has room. */
export async function checkDataFolder({ config }: CheckContext): Promise<readonly CheckResult[]> {
  const folder = config.dataDir;
  const existing = await nearestExisting(folder);
  if (!(await stat(existing)).isDirectory())
    return [
      {
        id: 'data-folder',
        title: 'Data folder',
        status: 'failed',
        detail: `${folder}: ${existing} is a file, not a folder`,
        advice: 'Set another dataDir, or move the file away.',
      },
    ];
  const writable = existing === folder ? await tryFolder(folder) : await tryParent(folder, existing);
  return writable.status === 'failed' ? [writable] : [writable, await checkFreeSpace(config, existing)];
}

/** Does what the object store does: write, sync, link, sync the folder, remove. */
async function tryFolder(folder: string): Promise<CheckResult> {
  const base = { id: 'data-folder', title: 'Data folder' };
  let step = 'create files in it';
  let probe: string | undefined;
  try {
    probe = await mkdtemp(join(folder, '.check-'));
    const file = await open(join(probe, 'a'), 'wx');
    try {
      await file.write('probe');
      step = 'sync a file to the disk';
      await file.datasync();
    } finally {
      await file.close();
    }
    step = 'make a hard link';
    await link(join(probe, 'a'), join(probe, 'b'));
    step = 'sync the folder to the disk';
    const handle = await open(probe, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    step = 'remove files from it';
    await rm(probe, { recursive: true });
    return { ...base, status: 'ok', detail: `${folder}: files, links and syncs work` };
  } catch (error) {
    if (probe !== undefined) await rm(probe, { recursive: true, force: true }).catch(() => undefined);
    return {
      ...base,
      status: 'failed',
      detail: `${folder}: this user cannot ${step}: ${fileFaultOf(error)?.what ?? failureText(error)}`,
      advice:
        step === 'make a hard link'
          ? 'Use a local file system with hard links (ext4, xfs, zfs, btrfs); FAT and some network shares have none.'
          : adviceFor(error, 'Make the daemon’s user its owner, and run this check as that user.'),
    };
  }
}

/** A folder that does not exist yet is made at the first start; made here, it might get the wrong owner. */
async function tryParent(folder: string, existing: string): Promise<CheckResult> {
  const base = { id: 'data-folder', title: 'Data folder' };
  try {
    await access(existing, constants.W_OK | constants.X_OK);
    return { ...base, status: 'ok', detail: `${folder} will be made at the first start` };
  } catch (error) {
    return {
      ...base,
      status: 'failed',
      detail: `${folder} does not exist, and it cannot be made in ${existing}: ${fileFaultOf(error)?.what ?? failureText(error)}`,
      advice: adviceFor(
        error,
        `Make it, and give it to the daemon’s user: install -d -m 750 -o USER ${folder}`,
      ),
    };
  }
}

/** Where the owner is not what is wrong, what is says more. */
function adviceFor(error: unknown, ofOwner: string): string {
  const isOwner =
    error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
  return isOwner ? ofOwner : (fileFaultOf(error)?.hint ?? ofOwner);
}

async function checkFreeSpace(config: CheckContext['config'], folder: string): Promise<CheckResult> {
  const base = { id: 'free-space', title: 'Free space' };
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  const { reserveBytes } = config.storage;
  const detail = `${formatBytes(freeBytes)} free, ${formatBytes(reserveBytes)} of it kept in reserve`;
  if (freeBytes <= reserveBytes) {
    return {
      ...base,
      status: 'failed',
      detail,
      advice: 'Nothing will be accepted. Free some space, or lower storage.reserveBytes.',
    };
  }
  return freeBytes < reserveBytes * COMFORTABLE_RESERVES
    ? { ...base, status: 'warning', detail, advice: 'A CT study takes 0.3 to 2 GB: plan for a larger disk.' }
    : { ...base, status: 'ok', detail };
}

async function nearestExisting(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch {
    const parent = dirname(path);
    return parent === path ? path : nearestExisting(parent);
  }
}
