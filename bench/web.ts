/** `npm run bench:web`: what is handed out over HTTP, next to Orthanc and nginx; see docs/performance.md. */
import { Command } from 'commander';
import fs from 'node:fs/promises';
import path from 'node:path';

import { readFileMeta } from '../src/dicom/part10/file-meta.ts';
import { finish } from './finish.ts';
import { describeMachine } from './machine.ts';
import { watchProcess } from './process-stats.ts';
import { createScratch } from './scratch.ts';
import { median } from './statistics.ts';
import { webCases } from './web-cases.ts';
import { startLoadGenerator } from './web-load.ts';
import { webTables, webVerdicts, type WebResult } from './web-report.ts';
import { findPeers, PEERS, startIngest, startNginx, startOrthanc, type WebServer } from './web-servers.ts';
import { syntheticCtStream } from '../test/support/data-sets.ts';
import { writeStudy } from './workloads.ts';

interface Options {
  readonly quick?: true;
  readonly enforce?: true;
  readonly write: boolean;
  readonly folder?: string;
}

const program = new Command('bench:web')
  .description('Measures DICOMweb and object URLs against Orthanc and nginx. Build the daemon first.')
  .option('--quick', 'fewer objects, one round; writes no documentation')
  .option('--folder <path>', 'where to put data and servers (default: the folder for temporary files)')
  .option('--enforce', 'exit with 1 if a budget is missed')
  .option('--no-write', 'leave docs/performance.md as it is')
  .parse();
const options = program.opts<Options>();
const objects = options.quick ? 100 : 500;
const rounds = options.quick ? 1 : 3;
const durationMs = options.quick ? 500 : 1000;

const present = await findPeers();
const notes = [
  'One study, one series; each server holds it on the same disk and has it in the page cache. Servers take turns within a round; medians over the rounds, and ratios of medians.',
  'The client is a process of its own that reads into one buffer and only counts (bench/web-client.ts); where it takes most of a processor itself, marked with *, the server could do more.',
  'Cold: what was prepared is removed before the request. Without preparation, an answer is made of the headers of all files.',
  'RSS: highest of the server since its start, receiving the study included.',
];
for (const peer of PEERS) {
  if (present.has(peer)) continue;
  notes.push(`${peer}: NOT INSTALLED here, so not compared.`);
  console.error(`${peer} is not installed: it is left out of the comparison`);
}

const scratch = await createScratch(options.folder);
const servers: WebServer[] = [];
const client = startLoadGenerator();
try {
  notes.unshift(...(await describeMachine(scratch.folder)));
  const bench = await generateStudy();
  const ingest = await startIngest(await scratch.make('avara-ingest'), bench);
  servers.push(ingest);
  if (present.has('Orthanc')) servers.push(await startOrthanc(await scratch.make('orthanc'), bench));
  if (present.has('nginx')) servers.push(await startNginx(await scratch.make('nginx'), bench.folder));
  for (const { pid } of servers) scratch.adopt(pid);
  const watches = new Map(servers.map((server) => [server.name, watchProcess(server.pid)]));
  const cases = webCases(
    bench,
    (instance) => ingest.objectPath(instance),
    (index) => `/${index + 1}.dcm`,
  );
  const results: WebResult[] = [];
  for (const { title, clients, isCold = false, requests } of cases) {
    const seen = new Map<string, { rate: number[]; megabytes: number[]; isClientBusy: boolean }>();
    for (let round = 0; round < rounds; round += 1) {
      for (const server of servers) {
        const asked = requests[server.name];
        if (asked === undefined) continue;
        if (isCold) await server.forget();
        const run = await client.run({
          port: server.port,
          paths: asked.paths,
          headers: [...server.headers, ...asked.headers],
          clients,
          durationMs: isCold ? 0 : durationMs,
          minRequests: 1,
        });
        if (run.failed > 0) {
          notes.push(
            `${title}: ${server.name} failed ${run.failed} of ${run.requests} requests, so it is left out.`,
          );
          continue;
        }
        const of = seen.get(server.name) ?? { rate: [], megabytes: [], isClientBusy: false };
        of.rate.push(run.requests / run.seconds);
        of.megabytes.push(run.bytes / run.seconds / 1e6);
        of.isClientBusy ||= run.clientCpuShare > 0.85;
        seen.set(server.name, of);
      }
    }
    for (const [name, { rate, megabytes, isClientBusy }] of seen) {
      results.push({
        title,
        clients,
        server: name as WebServer['name'],
        perSecond: median(rate),
        megabytesPerSecond: median(megabytes),
        isClientBusy,
      });
      console.error(`  ${title}, ${clients}: ${name} ${median(rate).toFixed(1)}/s`);
    }
  }
  const rss = new Map([...watches].map(([name, stop]) => [name, stop().peakRssBytes]));
  await finish({
    section: 'web',
    command: 'npm run bench:web',
    notes,
    tables: webTables(results, rss, objects),
    verdicts: webVerdicts(results),
    isWritten: options.write && !options.quick,
    isEnforced: options.enforce === true,
  });
} finally {
  client.stop();
  for (const server of servers) await server.stop();
  await scratch.remove();
}

/** A CT study of one series: files `1.dcm` and so on. */
async function generateStudy() {
  const folder = path.join(scratch.folder, 'study');
  const files = await writeStudy(folder, objects, 512);
  const instances = await Promise.all(
    files.map(async (file) => {
      const handle = await fs.open(file);
      const head = Buffer.alloc(4096);
      await handle.read(head, 0, head.length, 0);
      await handle.close();
      const meta = readFileMeta(head);
      if (meta.kind !== 'complete' || meta.sopInstanceUid === undefined) throw new Error(`no UID in ${file}`);
      return meta.sopInstanceUid;
    }),
  );
  const { studyInstanceUid, seriesInstanceUid } = syntheticCtStream({ seed: folder, instanceNumber: 1 });
  return { study: studyInstanceUid, series: seriesInstanceUid, instances, folder };
}
