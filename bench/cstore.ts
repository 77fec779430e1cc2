/** `npm run bench:cstore`: receives next to DCMTK's storescp and Orthanc; see docs/performance.md. */
import { Command, Option } from 'commander';

import { cstoreTable, cstoreVerdicts } from './cstore-report.ts';
import { finish } from './finish.ts';
import { describeMachine } from './machine.ts';
import { measureCase, type CaseResult } from './measure.ts';
import { planFor, type Effort } from './plan.ts';
import { findProgram, RECEIVERS, versionOf, type ReceiverName } from './receivers.ts';
import { createScratch } from './scratch.ts';
import { generateWorkload, type Workload, type WorkloadName } from './workloads.ts';

interface Options {
  readonly quick?: true;
  readonly full?: true;
  readonly runs?: string;
  readonly only?: readonly WorkloadName[];
  readonly folder?: string;
  readonly enforce?: true;
  readonly write: boolean;
}

const program = new Command('bench:cstore')
  .description('Measures C-STORE against DCMTK storescp and Orthanc. Build the daemon first.')
  .option('--quick', 'fewer objects, one run, under a minute; writes no documentation')
  .option('--full', 'more runs, more Associations, longer runs with Nagle on, an object of 4.3 GB')
  .option('--runs <count>', 'runs of every case')
  .addOption(new Option('--only <kind...>', 'kinds of objects').choices(['ct', 'small', 'large', 'huge']))
  .option('--folder <path>', 'where to put data and receivers (default: the folder for temporary files)')
  .option('--enforce', 'exit with 1 if a budget is missed')
  .option('--no-write', 'leave docs/performance.md as it is')
  .parse();
const options = program.opts<Options>();
const effort: Effort = options.quick ? 'quick' : options.full ? 'full' : 'default';
const runs = options.runs === undefined ? undefined : Number(options.runs);
if (runs !== undefined && !(Number.isSafeInteger(runs) && runs > 0)) {
  program.error('--runs takes a number above 0');
}

const { present, notes: peerNotes } = await findPeers();
const scratch = await createScratch(options.folder);
try {
  const notes = [...(await describeMachine(scratch.folder)), ...peerNotes];
  const plan = planFor(effort, runs);
  const workloads = new Map<WorkloadName, Workload>();
  const results: CaseResult[] = [];
  for (const one of plan.cases) {
    if (options.only && !options.only.includes(one.workload)) continue;
    const workload =
      workloads.get(one.workload) ??
      (await generateWorkload(
        scratch.folder,
        one.workload,
        plan.objects[one.workload] ?? 1,
        plan.warmUpObjects[one.workload],
      ));
    workloads.set(one.workload, workload);
    console.error(`${workload.title}, ${one.associations} at once, ${one.network}`);
    results.push(
      await measureCase(one, workload, {
        scratch,
        plan,
        present,
        onRun: (text) => console.error(`  ${text}`),
      }),
    );
  }
  await finish({
    section: 'cstore',
    command: `npm run bench:cstore${effort === 'default' ? '' : ` -- --${effort}`}`,
    notes,
    tables: [cstoreTable(results)],
    verdicts: cstoreVerdicts(results),
    isWritten: options.write && effort !== 'quick' && !options.only,
    isEnforced: options.enforce === true,
  });
} finally {
  await scratch.remove();
}

/** Peers that are not there are said so; without DCMTK's sender there is nothing to measure. */
async function findPeers(): Promise<{ present: Set<ReceiverName>; notes: string[] }> {
  for (const tool of ['storescu', 'echoscu']) {
    if ((await findProgram(tool)) === undefined) {
      program.error(`DCMTK's ${tool} is not on the PATH; install the package dcmtk`, { exitCode: 2 });
    }
  }
  const present = new Set<ReceiverName>(['avara-ingest']);
  const notes = [
    'Sender: storescu, one process per Association; time is from its start to its end. Each run starts the receiver anew with an empty folder; receivers take turns; medians, and ratios within a round.',
    'Each run begins with a warm-up, the same for all: 5 000 CT, 6 000 small objects or 15 seconds of them. "After start" is the rate, in objects/s over one Association, of its first 250 (50 as installed): avara-ingest is compiled while it runs, so its first minute is slower.',
    'Nagle off: TCP_NODELAY=1 for sender and peers, and PDUs of 128 KiB for all. As installed: neither; where an object takes long, fewer are sent and the time is worked out for the whole (`~`).',
    'avara-ingest: the built daemon; each object synced to disk and indexed before Success; after each run its admin API must list every instance.',
  ];
  const what = {
    storescp: 'bit preserving, no index, no sync to disk; --fork for several Associations',
    'storescp+sync':
      'the same with fdatasync of each file and fsync of its folder before Success (bench/sync-on-close.c): what being durable costs here; still no index, digest or check for duplicates',
    bare: 'no receiver to use but a bound (bench/bare-receiver.c): 240 lines of C that write past the page cache while an object arrives, sync its file and folder side by side and answer. It knows one Association, makes no DICOM file, digest or index and looks for no duplicates; it waits without sleeping, so its CPU time means nothing',
    Orthanc: 'SQLite index, files synced to disk (its default), no plugins',
  };
  const needs = {
    storescp: ['storescp'],
    'storescp+sync': ['storescp', 'cc'],
    bare: ['cc'],
    Orthanc: ['Orthanc'],
  };
  for (const name of RECEIVERS) {
    if (name === 'avara-ingest') continue;
    const files = await Promise.all(needs[name].map(findProgram));
    const [file] = files;
    if (file === undefined || files.includes(undefined)) {
      notes.push(`${name}: NOT INSTALLED here (${needs[name].join(', ')}), so not compared.`);
      console.error(`${name} is not installed: it is left out of the comparison`);
    } else {
      present.add(name);
      const version = name === 'bare' ? '' : ` ${await versionOf(file)}`;
      notes.push(`${name}${version}: ${what[name]}.`);
    }
  }
  return { present, notes };
}
