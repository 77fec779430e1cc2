import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { syntheticCt, part10Of } from '../test/support/data-sets.ts';
import { startDaemon, writeConfig } from '../test/support/daemon-process.ts';
import { siteConfig } from './site-config.ts';

const run = promisify(execFile);
const MAIN = path.resolve(import.meta.dirname, '../dist/main.js');
const PER_STUDY = 500;

export interface FileUpkeep {
  readonly files: number;
  readonly fileBytes: number;
  readonly reindexPerSecond: number;
  readonly verifyPerSecond: number;
  /** Of the daemon while it verified, seconds. */
  readonly longestTurnSeconds: number;
}

/** Puts objects into a data folder without an index, builds one with `reindex`, and verifies all of it in the daemon. */
export async function measureFileUpkeep(folder: string, count: number): Promise<FileUpkeep> {
  let fileBytes = 0;
  for (let at = 0; at < count; at += 1) {
    const study = Math.floor(at / PER_STUDY);
    const instanceNumber = (at % PER_STUDY) + 1;
    const instance = syntheticCt({ seed: `upkeep-${study}`, rows: 32, columns: 32, instanceNumber });
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = instance;
    const series = path.join(folder, 'data', 'objects', 'bench', studyInstanceUid, seriesInstanceUid);
    if (instanceNumber === 1) await fs.mkdir(series, { recursive: true });
    const file = part10Of(instance);
    fileBytes = file.length;
    await fs.writeFile(path.join(series, `${sopInstanceUid}.dcm`), file);
  }
  const config = await writeConfig(folder, siteConfig());
  const reindexed = await timed(['reindex', '--config', config, '--json']);
  if (reindexed.answer.instances !== count) throw new Error('reindex left files out');
  const daemon = await startDaemon(config);
  try {
    const verified = await timed([
      'verify',
      '--config',
      config,
      '--offline',
      '--json',
      ...adminOf(daemon.admin),
    ]);
    const { stored, errors } = verified.answer.counts ?? {};
    if (stored !== count || errors !== 0) throw new Error('verify found errors');
    const metrics = await fetch(`http://${daemon.admin.host}:${daemon.admin.port}/metrics`);
    const worst = /avara_ingest_event_loop_delay_seconds\{quantile="1"\} (\S+)/.exec(await metrics.text());
    return {
      files: count,
      fileBytes,
      reindexPerSecond: count / reindexed.seconds,
      verifyPerSecond: count / verified.seconds,
      longestTurnSeconds: Number(worst?.[1] ?? Number.NaN),
    };
  } finally {
    await daemon.stop();
  }
}

function adminOf({ host, port }: { host: string; port: number }): string[] {
  return ['--url', `http://${host}:${port}`];
}

async function timed(args: readonly string[]): Promise<{
  readonly seconds: number;
  readonly answer: { instances?: number; counts?: { stored: number; errors: number } };
}> {
  const startedAt = performance.now();
  const { stdout } = await run(process.execPath, [MAIN, ...args], { maxBuffer: 64 * 1024 * 1024 }).catch(
    (error: unknown) => {
      // A verification with warnings, such as no delivery, still tells what it found.
      if (error instanceof Error && 'stdout' in error && error.stdout !== '')
        return { stdout: String(error.stdout) };
      throw error;
    },
  );
  const seconds = (performance.now() - startedAt) / 1000;
  return { seconds, answer: JSON.parse(stdout) as never };
}
