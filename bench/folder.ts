/**
 * 100,000 small files dropped into a watched folder at once: rate, memory and event loop, beside C-STORE of such objects
 * into the same daemon. `npx tsx bench/folder.ts [--files 100000] [--sent 5000] [--folders 100]`
 */
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { storeObjects } from '../src/dimse/scu/store-scu.ts';
import { part10Of, syntheticCt } from '../test/support/data-sets.ts';
import { type DaemonProcess, startDaemon, writeConfig } from '../test/support/daemon-process.ts';

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

async function writeFiles(root: string): Promise<number> {
  let bytes = 0;
  for (let index = 0; index < files; index += 1) {
    const folder = path.join(root, String(index % folders));
    if (index < folders) await fs.mkdir(folder, { recursive: true });
    const file = part10Of(object('bench-folder', index));
    bytes = file.length;
    await fs.writeFile(path.join(folder, `IM${index}`), file);
  }
  return bytes;
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

async function measureDrop(daemon: DaemonProcess, staged: string, inbox: string): Promise<number> {
  const samples: number[] = [];
  let worstDelay = 0;
  const startedAt = performance.now();
  await fs.rename(staged, path.join(inbox, 'drop'));
  for (;;) {
    await delay(SAMPLE_MS);
    const { stored } = await folderState(daemon);
    samples.push(await residentBytes(daemon));
    const worst = /avara_ingest_event_loop_delay_seconds\{quantile="1"\} (\S+)/;
    worstDelay = Math.max(worstDelay, await metric(daemon, worst));
    if (stored >= files) break;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const third = Math.floor(samples.length / 3);
  const peak = (part: readonly number[]): string => megabytes(Math.max(...part, 0));
  console.log(`folder: ${files} files in ${seconds.toFixed(1)} s, ${Math.round(files / seconds)} files/s`);
  console.log(
    `memory: peak of each third ${peak(samples.slice(0, third))}, ${peak(samples.slice(third, 2 * third))}, ${peak(samples.slice(2 * third))}`,
  );
  console.log(`event loop: longest delay ${Math.round(worstDelay * 1000)} ms`);
  return files / seconds;
}

async function measureSending(daemon: DaemonProcess): Promise<number> {
  const objects = Array.from({ length: sent }, (_, index) => {
    const { sopClassUid, sopInstanceUid, transferSyntaxUid, dataSet } = object('bench-sent', index);
    return { sopClassUid, sopInstanceUid, transferSyntaxUid, readDataSet: () => dataSet };
  });
  const startedAt = performance.now();
  await storeObjects({ ...daemon.dimse, callingAeTitle: 'BENCH', calledAeTitle: 'BENCH', objects });
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`C-STORE: ${sent} objects in ${seconds.toFixed(1)} s, ${Math.round(sent / seconds)} objects/s`);
  return sent / seconds;
}

const root = await fs.mkdtemp(path.join(os.tmpdir(), 'bench-folder-'));
try {
  const inbox = path.join(root, 'inbox');
  const staged = path.join(root, 'staged');
  await fs.mkdir(inbox);
  const bytes = await writeFiles(staged);
  console.log(`${files} files of ${bytes} bytes in ${folders} folders are ready`);
  const configFile = await writeConfig(root, {
    avara: {
      baseUrl: 'http://127.0.0.1:9',
      apiKey: 'sk_live_bench_bench',
      webhookSecret: 'whsec_bench_bench',
    },
    customers: { bench: { expressCustomerId: `cus_${'b'.repeat(32)}` } },
    routes: [{ calledAe: 'BENCH', customer: 'bench' }],
    folders: [{ path: './inbox', customer: 'bench', settledAfterSeconds: 1 }],
    storage: { reserveBytes: 0 },
  });
  const daemon = await startDaemon(configFile);
  try {
    const sending = await measureSending(daemon);
    const dropping = await measureDrop(daemon, staged, inbox);
    console.log(`C-STORE : folder = ${(sending / dropping).toFixed(2)} : 1 (budget 3 : 1)`);
  } finally {
    await daemon.stop();
  }
} finally {
  await fs.rm(root, { recursive: true, force: true });
}
