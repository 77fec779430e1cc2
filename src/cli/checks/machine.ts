import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

import { formatBytes } from '../output.ts';
import type { CheckContext, CheckResult } from './check.ts';

/** Writes that are synced one by one, as images are. */
const SYNCS = 20;
const BLOCK_BYTES = 4096;
/** Written in one go, for the rate. */
const RATE_BYTES = 32 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
/** Slower than this, a modality that sends small images one after the other waits for the disk. */
const SLOW_SYNC_MS = 30;
/** Less than a gigabit line brings. */
const SLOW_BYTES_PER_SECOND = 100e6;
const COMMAND_TIMEOUT_MS = 5000;

/** The disk is fast enough, and the clock is kept right. */
export async function checkMachine(context: CheckContext): Promise<readonly CheckResult[]> {
  const results = await Promise.all([checkDiskSpeed(context), checkTimeSync()]);
  return results.filter((result) => result !== undefined);
}

/** A short measurement in the data folder; nothing is left behind. Where it cannot be done another check says so. */
async function checkDiskSpeed({ config }: CheckContext): Promise<CheckResult | undefined> {
  const { dataDir, storage } = config;
  let folder: string | undefined;
  try {
    const { bavail, bsize } = await statfs(dataDir);
    if (bavail * bsize < storage.reserveBytes + 2 * RATE_BYTES) return undefined;
    folder = await mkdtemp(join(dataDir, '.check-'));
    const file = await open(join(folder, 'speed'), 'wx');
    try {
      const syncMs: number[] = [];
      const block = Buffer.alloc(BLOCK_BYTES, 1);
      for (let sync = 0; sync < SYNCS; sync += 1) {
        await file.write(block);
        const startedAt = performance.now();
        await file.datasync();
        syncMs.push(performance.now() - startedAt);
      }
      const chunk = Buffer.alloc(CHUNK_BYTES, 2);
      const startedAt = performance.now();
      for (let written = 0; written < RATE_BYTES; written += CHUNK_BYTES) await file.write(chunk);
      await file.datasync();
      const bytesPerSecond = RATE_BYTES / ((performance.now() - startedAt) / 1000);
      return judgeSpeed(syncMs.sort((a, b) => a - b)[SYNCS / 2] ?? 0, bytesPerSecond);
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** @param syncMs median of a synced write of a block. */
export function judgeSpeed(syncMs: number, bytesPerSecond: number): CheckResult {
  const base = { id: 'disk-speed', title: 'Disk speed' };
  const detail = `${syncMs < 10 ? syncMs.toFixed(1) : Math.round(syncMs)} ms a sync, ${formatBytes(bytesPerSecond)}/s`;
  if (syncMs <= SLOW_SYNC_MS && bytesPerSecond >= SLOW_BYTES_PER_SECOND)
    return { ...base, status: 'ok', detail };
  return {
    ...base,
    status: 'warning',
    detail: `${detail}: slow`,
    advice:
      'Images are acknowledged only once they are on the disk: use a local SSD, or a controller with a protected write cache.',
  };
}

/** Whether systemd knows the clock to be in step with NTP; undefined where it cannot be asked. */
function checkTimeSync(): Promise<CheckResult | undefined> {
  return new Promise((resolve) => {
    const argv = ['show', '--property=NTPSynchronized', '--value'];
    execFile('timedatectl', argv, { timeout: COMMAND_TIMEOUT_MS }, (error, stdout) => {
      if (error !== null) resolve(undefined);
      else resolve(judgeTimeSync(stdout.trim()));
    });
  });
}

/** @param answer of `timedatectl show --property=NTPSynchronized --value`. */
export function judgeTimeSync(answer: string): CheckResult | undefined {
  const base = { id: 'clock-sync', title: 'Clock' };
  if (answer === 'yes') return { ...base, status: 'ok', detail: 'in step with NTP' };
  if (answer !== 'no') return undefined;
  return {
    ...base,
    status: 'warning',
    detail: 'not in step with NTP',
    advice: 'timedatectl set-ntp true; webhooks and object URLs depend on the clock.',
  };
}
