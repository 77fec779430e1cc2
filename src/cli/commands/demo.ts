import { SingleBar } from 'cli-progress';

import type { CliCommand } from '../command.ts';
import { describeCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import type { Demo, DemoResult } from '../demo/run-demo.ts';
import { CUSTOMERS, customerOf } from '../demo/scenario.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, formatBytes, type Painter, renderTable } from '../output.ts';

/** `demo`: the whole way from scanners to Avara's viewer, on this machine, with synthetic images. */
export const demoCommand: CliCommand = {
  build(context, finish) {
    return describeCommand({
      name: 'demo',
      group: 'Tools',
      summary: 'show the whole way, from scanners to Avara’s viewer, with synthetic images',
      description:
        'Starts an emulated Avara and a daemon on free ports in a temporary folder, sends synthetic images of two\nimaging centres over DICOM, waits until every study is at Avara, opens each in the emulated viewer and compares\nevery byte. Needs no network and leaves nothing behind.',
      examples: [
        ['demo', 'run it, clean up'],
        ['demo --keep', 'leave it running to look around; Ctrl+C ends it'],
      ],
      exitCodes: { 1: 'something did not come back as it was sent' },
    })
      .option('--keep', 'leave everything running and print the addresses')
      .action(async ({ keep }: { keep?: true }) => {
        // Loaded only here: the daemon itself needs neither the emulator nor the library that sends.
        const { startDemo } = await import('../demo/run-demo.ts');
        const demo = await startDemo(context.env);
        try {
          const isGood = await show(demo, context);
          if (keep) await keepRunning(demo, context);
          finish(isGood ? EXIT_CODES.ok : EXIT_CODES.failed);
        } finally {
          await demo.stop();
          await demo.cleanUp();
        }
      });
  },
};

async function show(demo: Demo, context: CliContext): Promise<boolean> {
  const paint = createPainter(context.stdout, context.env);
  const say = (text = ''): void => void context.stdout.write(`${text}\n`);
  const done = (what: string, detail: string): void =>
    say(`  ${paint('green', '✔')} ${what.padEnd(17)} ${detail}`);
  const { dimse, http } = demo.addresses;

  say(paint('bold', 'avara-ingest demo'));
  say(paint('dim', 'Synthetic images and an emulated Avara: no real patient, nothing leaves this machine.'));
  say();
  done('Avara emulator', demo.avaraUrl);
  done(
    'Daemon',
    `DICOM ${dimse.host}:${dimse.port}   HTTP ${http.host}:${http.port}   admin ${demo.adminUrl}`,
  );
  const refused = await sendAll(demo, context);
  const total = demo.scanners.reduce((sum, { objects }) => sum + objects.length, 0);
  const aeTitles = CUSTOMERS.map(({ calledAeTitle }) => calledAeTitle).join(' and ');
  done('Images sent', `${total - refused} of ${total}, by ${demo.scanners.length} scanners, to ${aeTitles}`);
  const studies = await demo.announced();
  done('At Avara', `${studies.length} studies, each once per product, under its customer`);
  const results: DemoResult[] = [];
  for (const study of studies) results.push(await demo.view(study));
  const files = results.reduce((sum, { report }) => sum + report.files.length, 0);
  done('Viewed', `${files} files fetched through signed webhooks and URLs`);
  say();
  say(resultTable(results, paint));

  const problems = results.flatMap(({ study, report }) =>
    report.problems.map((text) => `${study.studyInstanceUid}: ${text}`),
  );
  for (const problem of problems) say(`  ${paint('red', '✘')} ${problem}`);
  const isGood = refused === 0 && results.every((result) => isIntact(result));
  if (isGood) say(`  ${paint('green', '✔')} Every byte came back as it was sent, to the right customer.`);
  else say(`  ${paint('red', '✘')} Not everything came back as it was sent.`);
  say(sharedUidNote(results, paint));
  say();
  say(paint('bold', 'Next'));
  say('  npm run demo -- --keep                 the same, left running to look around');
  say('  README.md, "A first configuration"     your own scanners and customers');
  return isGood;
}

async function sendAll(demo: Demo, context: CliContext): Promise<number> {
  const total = demo.scanners.reduce((sum, { objects }) => sum + objects.length, 0);
  const bar =
    context.stdout.isTTY === true
      ? new SingleBar({
          format: '  … Images sent       {bar} {value}/{total}',
          clearOnComplete: true,
          hideCursor: true,
        })
      : undefined;
  bar?.start(total, 0);
  try {
    const failures = await Promise.all(
      demo.scanners.map((scanner) => demo.send(scanner, () => bar?.increment())),
    );
    return failures.reduce((sum, count) => sum + count, 0);
  } finally {
    bar?.stop();
  }
}

function isIntact({ study, report, matching }: DemoResult): boolean {
  return (
    report.authorized &&
    report.problems.length === 0 &&
    matching === study.instances &&
    report.files.length === matching
  );
}

function resultTable(results: readonly DemoResult[], paint: Painter): string {
  const aeTitleOf = new Map(CUSTOMERS.map(({ key, calledAeTitle }) => [key as string, calledAeTitle]));
  const rows = [...results]
    .sort((one, other) => one.study.customer.localeCompare(other.study.customer))
    .map((result) => {
      const { study, report, matching, bytes } = result;
      const ok = isIntact(result);
      return [
        `…${study.studyInstanceUid.slice(-14)}`,
        aeTitleOf.get(study.customer) ?? '',
        study.customer,
        report.studyId,
        String(study.instances),
        formatBytes(bytes),
        paint(ok ? 'green' : 'red', `${matching}/${study.instances} ${ok ? '✔' : '✘'}`),
      ];
    });
  return renderTable(
    [
      { title: 'STUDY' },
      { title: 'AE TITLE' },
      { title: 'CUSTOMER' },
      { title: 'AVARA STUDY' },
      { title: 'IMAGES', align: 'right' },
      { title: 'BYTES', align: 'right' },
      { title: 'DIGESTS', align: 'right' },
    ],
    rows,
    paint,
  );
}

/** Points out the study that both centres have under one UID: two patients, kept apart. */
function sharedUidNote(results: readonly DemoResult[], paint: Painter): string {
  const owners = new Map<string, number>();
  for (const { study } of results)
    owners.set(study.studyInstanceUid, (owners.get(study.studyInstanceUid) ?? 0) + 1);
  const shared = [...owners].find(([, count]) => count > 1)?.[0];
  if (shared === undefined) return '';
  return paint(
    'dim',
    `    Study …${shared.slice(-14)} came from both centres, with other patients in it: two studies, kept apart.`,
  );
}

async function keepRunning(demo: Demo, context: CliContext): Promise<void> {
  const { dimse, http } = demo.addresses;
  const sender = demo.scanners[0];
  const lines = [
    '',
    'Running until Ctrl+C:',
    `  status page   ${demo.adminUrl}/`,
    `  Avara's page  ${demo.avaraUrl}/`,
    `  send to it    storescu -aet ${sender?.callingAeTitle ?? 'SCANNER'} -aec ${sender?.calledAeTitle ?? ''} ${dimse.host} ${dimse.port} FILE`,
    `                ${demo.scanners.length > 0 ? `called AE titles: ${CUSTOMERS.map(({ calledAeTitle }) => `${calledAeTitle} (${customerOf(calledAeTitle)})`).join(', ')}` : ''}`,
    `  webhooks      http://${http.host}:${http.port}/webhooks/avara`,
    `  files         ${demo.folder}/  (config.json, daemon.log, data/objects/)`,
  ];
  context.stdout.write(`${lines.join('\n')}\n`);
  await new Promise<void>((resolve) => {
    context.process.onSignal('SIGINT', resolve);
    context.process.onSignal('SIGTERM', resolve);
  });
}
