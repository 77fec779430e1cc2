import fs from 'node:fs/promises';
import os from 'node:os';

/** What a reader needs to compare figures; nothing that names the machine. @param folder where the data lie. */
export async function describeMachine(folder: string): Promise<readonly string[]> {
  const [cpu] = os.cpus();
  return [
    `${cpu?.model.trim() ?? 'unknown CPU'}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB of memory`,
    `${os.type()} ${os.release()}, data on ${await fileSystemOf(folder)}`,
    `Node.js ${process.versions.node}`,
    `load average at the start ${(os.loadavg()[0] ?? 0).toFixed(1)}: other work on the machine makes all rates lower, ratios less so`,
  ];
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
