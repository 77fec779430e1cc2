/**
 * `npm run bench:folder`: 100,000 small files dropped into a watched folder at once: rate, memory and event loop, beside
 * C-STORE of such objects into the same daemon.
 */
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { formatBytes, formatCount } from '../src/cli/output.ts';
import { part10Of, syntheticCt } from '../test/support/data-sets.ts';
import { type DaemonProcess, startDaemon, writeConfig } from '../test/support/daemon-process.ts';
import { finish } from './finish.ts';
import { describeMachine } from './machine.ts';
import { send } from './sender.ts';
import { siteConfig } from './site-config.ts';
import { formatNumber } from './table.ts';

const SAMPLE_MS = 500;
const PER_SERIES = 500;

interface FolderState {
  readonly stored: number;
  readonly waiting: number;
}

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '100000' },
    sent: { type: 'string', default: '5000' },
    folders: { type: 'string', default: '100' },
    'no-write': { type: 'boolean', default: false },
  },
});
const files = Number(values.files);
const sent = Number(values.sent);
const folders = Number(values.folders);

function object(seed: string, index: number): ReturnType<typeof syntheticCt> {
  return syntheticCt({
    seed,
    rows: 32,
    columns: 32,
    seriesNumber: Math.floor(index / PER_SERIES) + 1,
    instanceNumber: (index % PER_SERIES) + 1,
  });
}

/** @returns the paths, in order. */
async function writeFiles(root: string, seed: string, count: number): Promise<string[]> {
  const paths: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const folder = path.join(root, String(index % folders));
    if (index < folders) await fs.mkdir(folder, { recursive: true });
    const file = path.join(folder, `IM${index}`);
    await fs.writeFile(file, part10Of(object(seed, index)));
    paths.push(file);
  }
  return paths;
}

async function residentBytes({ process: child }: DaemonProcess): Promise<number> {
  const status = await fs.readFile(`/proc/${child.pid ?? 0}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
}

async function metric(daemon: DaemonProcess, line: RegExp): Promise<number> {
  const response = await fetch(`http://${daemon.admin.host}:${daemon.admin.port}/metrics`);
  return Number(line.exec(await response.text())?.[1] ?? Number.NaN);
}

async function folderState(daemon: DaemonProcess): Promise<FolderState> {
  const response = await fetch(`http://${daemon.admin.host}:${daemon.admin.port}/api/folders`);
  const { folders: all } = (await response.json()) as { folders: readonly FolderState[] };
  return all[0] ?? { stored: 0, waiting: 0 };
}

interface Drop {
  readonly perSecond: number;
  /** Of resident memory, in each tenth of the time, bytes. */
  readonly peaks: readonly number[];
  readonly longestLoopDelaySeconds: number;
}

async function measureDrop(daemon: DaemonProcess, staged: string, inbox: string): Promise<Drop> {
  const samples: number[] = [];
  let longestLoopDelaySeconds = 0;
  const startedAt = performance.now();
  await fs.rename(staged, path.join(inbox, 'drop'));
  for (;;) {
    await delay(SAMPLE_MS);
    const { stored } = await folderState(daemon);
    samples.push(await residentBytes(daemon));
    const worst = /avara_ingest_event_loop_delay_seconds\{quantile="1"\} (\S+)/;
    longestLoopDelaySeconds = Math.max(longestLoopDelaySeconds, await metric(daemon, worst));
    if (stored >= files) break;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const part = samples.length / 10;
  const peaks = Array.from({ length: 10 }, (_, at) =>
    Math.max(...samples.slice(Math.floor(at * part), Math.ceil((at + 1) * part)), 0),
  );
  return { perSecond: files / seconds, peaks, longestLoopDelaySeconds };
}

const root = await fs.mkdtemp(path.join(os.tmpdir(), 'bench-folder-'));
try {
  const inbox = path.join(root, 'inbox');
  const staged = path.join(root, 'staged');
  await fs.mkdir(inbox);
  const notes = await describeMachine(root);
  await writeFiles(staged, 'bench-folder', files);
  const toSend = await writeFiles(path.join(root, 'sent'), 'bench-sent', sent);
  const warmUp = await writeFiles(path.join(root, 'warm-up'), 'bench-warm-up', 1000);
  const { size } = await fs.stat(toSend[0] ?? root);
  console.error(`${files} files of ${size} bytes in ${folders} folders are ready`);
  const configFile = await writeConfig(
    root,
    siteConfig({
      folders: [{ path: './inbox', customer: 'bench', settledAfterSeconds: 1 }],
    }),
  );
  const daemon = await startDaemon(configFile);
  try {
    const to = { port: daemon.dimse.port, calledAeTitle: 'BENCH' };
    await send({ to, associations: [warmUp], network: 'tuned' });
    const sending = sent / (await send({ to, associations: [toSend], network: 'tuned' }));
    const drop = await measureDrop(daemon, staged, inbox);
    const ratio = sending / drop.perSecond;
    const settled = drop.peaks.slice(4);
    const growth = (settled.at(-1) ?? 0) / (settled[0] ?? 1);
    await finish({
      section: 'folder',
      command: 'npm run bench:folder',
      notes: [
        ...notes,
        `${formatCount(files)} files of ${formatBytes(size)} in ${folders} folders are moved into the watched folder at once; each is synced to disk, indexed and then removed.`,
        `${formatCount(sent)} such objects are sent before to the same daemon by storescu over one Association, Nagle off.`,
      ],
      tables: [
        {
          title: 'A watched folder',
          columns: [{ title: 'what' }, { title: 'figure', align: 'right' }],
          rows: [
            ['C-STORE', `${formatNumber(sending)} objects/s`],
            ['watched folder', `${formatNumber(drop.perSecond)} files/s`],
            ['peak RSS in each tenth of the time', drop.peaks.map(formatBytes).join(', ')],
            ['longest delay of the event loop', `${formatNumber(drop.longestLoopDelaySeconds * 1000)} ms`],
          ],
        },
      ],
      verdicts: [
        {
          work: `${formatCount(files)} files in a watched folder`,
          budget: 'at least a third of the rate of C-STORE',
          measured: `1 : ${formatNumber(ratio)}`,
          isMet: ratio <= 3,
        },
        {
          work: 'memory meanwhile',
          budget: 'flat: the last tenth within 10 % of the fifth',
          measured: `${formatNumber(growth)} ×`,
          isMet: growth <= 1.1,
        },
      ],
      isWritten: !values['no-write'],
      isEnforced: false,
    });
  } finally {
    await daemon.stop();
  }
} finally {
  await fs.rm(root, { recursive: true, force: true });
}
