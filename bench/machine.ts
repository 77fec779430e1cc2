import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { median } from './statistics.ts';

const SYNC_PROBES = 100;

/** What a reader needs to compare figures; nothing that names the machine. @param folder where the data lie. */
export async function describeMachine(folder: string): Promise<readonly string[]> {
  const [cpu] = os.cpus();
  return [
    `${cpu?.model.trim() ?? 'unknown CPU'}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB of memory`,
    `${os.type()} ${os.release()}, data on ${await fileSystemOf(folder)}`,
    `a new file of 4 kB and its folder take ${(await syncMilliseconds(folder)).toFixed(2)} ms to reach the disk: what one Association waits for, at the least, for each object made durable`,
    `Node.js ${process.versions.node}`,
    `load average at the start ${(os.loadavg()[0] ?? 0).toFixed(1)}: other work on the machine lowers every rate, most of all for receivers that sync to disk, so repeat what matters on a quiet machine`,
  ];
}

/** Median time to write, sync and name a file durably, one after the other. */
async function syncMilliseconds(folder: string): Promise<number> {
  const probe = await fs.mkdtemp(path.join(folder, 'sync-'));
  const directory = await fs.open(probe);
  const bytes = Buffer.alloc(4096, 1);
  const durations: number[] = [];
  for (let turn = 0; turn < SYNC_PROBES; turn += 1) {
    const startedAt = performance.now();
    const file = await fs.open(path.join(probe, String(turn)), 'wx');
    await file.write(bytes);
    await file.datasync();
    await directory.sync();
    durations.push(performance.now() - startedAt);
    await file.close();
  }
  await directory.close();
  await fs.rm(probe, { recursive: true });
  return median(durations);
}

/** The type of the file system that holds a folder, from the longest mount point above it. */
async function fileSystemOf(folder: string): Promise<string> {
  const real = await fs.realpath(folder);
  const mounts = (await fs.readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '));
  let best = { point: '', type: 'an unknown file system' };
  for (const [, point = '', type = ''] of mounts) {
    const isAbove = point === '/' || real === point || real.startsWith(`${point}/`);
    if (isAbove && point.length >= best.point.length) best = { point, type };
  }
  return best.type;
}
