import { associationTable } from '../association-table.ts';
import type { CliCommand, DaemonOptions } from '../command.ts';
import { describeCommand, withDaemonOptions } from '../command.ts';
import type { AdminStatus, AdminStudy } from '../daemon-client.ts';
import { createDaemonClient, resolveDaemonAddress } from '../daemon-client.ts';
import type { CliContext } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createFileClient } from '../file-client.ts';
import { fileStatusText } from '../file-status.ts';
import type { Painter } from '../output.ts';
import {
  createPainter,
  formatBytes,
  formatCount,
  formatDuration,
  printJson,
  renderTable,
} from '../output.ts';
import { parseLimitArgument } from '../parse.ts';

interface StatusOptions extends DaemonOptions {
  readonly limit: number;
  readonly file?: string;
  readonly json?: true;
}

/** Most lines of the attention list; the admin page has all of them. */
const MAX_ATTENTION = 20;

/** `status`: what the daemon holds, what needs attention, what came in last. */
export const statusCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'status',
      group: 'Daemon',
      summary: 'show counts, what needs attention, and the newest studies',
      description:
        'Asks the running daemon for its counts, the studies that need attention, and the newest studies.',
      examples: [
        ['status', 'with ./config.json'],
        ['status --config /etc/avara-ingest/config.json --limit 50', 'more studies'],
        ['status --file IM0001.dcm', 'where is my file?'],
        ['status --json', 'for programs'],
      ],
      exitCodes: { 3: 'the daemon does not answer' },
    });
    return withDaemonOptions(command)
      .option('-n, --limit <count>', 'newest studies to list', parseLimitArgument, 10)
      .option(
        '--file <name>',
        'instead: what became of a file, by its name (or its beginning) or its full path',
      )
      .option('--json', 'print JSON')
      .action(async (options: StatusOptions) => {
        if (options.file !== undefined) {
          finish(await printFileStatus(options.file, options, context));
          return;
        }
        const client = createDaemonClient(resolveDaemonAddress(options, context.env));
        const [status, attention, recent] = await Promise.all([
          client.status(),
          client.studies({ delivery: 'attention' }, MAX_ATTENTION),
          client.studies({}, options.limit),
        ]);
        const needing = attention.filter((study) => study.avara.some(({ state }) => state === 'attention'));
        if (options.json)
          printJson(context.stdout, { url: client.url, ...status, attention: needing, recent });
        else {
          const paint = createPainter(context.stdout, context.env);
          context.stdout.write(
            statusText({ url: client.url, status, attention: needing, recent }, paint, Date.now()),
          );
        }
        finish(EXIT_CODES.ok);
      });
  },
};

/** @returns `failed` where nothing is known of such a file. */
async function printFileStatus(name: string, options: StatusOptions, context: CliContext): Promise<number> {
  const { stdout, env } = context;
  const answer = await createFileClient(resolveDaemonAddress(options, env)).find(name);
  if (options.json) printJson(stdout, answer);
  else stdout.write(fileStatusText(name, answer, createPainter(stdout, env), Date.now()));
  const isKnown = Object.values(answer).some((list) => list.length > 0);
  return isKnown ? EXIT_CODES.ok : EXIT_CODES.failed;
}

interface StatusView {
  readonly url: string;
  readonly status: AdminStatus;
  readonly attention: readonly AdminStudy[];
  readonly recent: readonly AdminStudy[];
}

/** The report for people. `now`: milliseconds since 1970. */
export function statusText(
  { url, status, attention, recent }: StatusView,
  paint: Painter,
  now: number,
): string {
  const { totals } = status;
  const { deliveries } = totals;
  const number = (count: number, style?: 'yellow' | 'red'): string =>
    style !== undefined && count > 0 ? paint(style, formatCount(count)) : formatCount(count);
  const facts = [
    ['Studies', `${number(totals.studies)}, ${number(totals.receivingStudies)} of them receiving`],
    ['Instances', `${number(totals.instances)} (${formatBytes(totals.bytes)})`],
    [
      'At Avara',
      `${number(deliveries.created)} created, ${number(deliveries.pending)} pending, ${number(deliveries.attention, 'red')} need attention`,
    ],
    ['Conflicts', number(totals.conflicts, 'yellow')],
  ];
  const { reports } = status;
  if (
    reports !== undefined &&
    reports.reports.stored + reports.reports.pending + reports.reports.attention > 0
  ) {
    const waiting = reports.reports.pending + reports.outputs.pending;
    const failed = reports.reports.attention + reports.outputs.attention;
    facts.push([
      'Reports',
      `${number(reports.reports.stored)} here, ${number(waiting)} on their way, ${number(failed, 'red')} need attention`,
    ]);
  }
  const uptime = formatDuration(now - Date.parse(status.startedAt));
  const sections = [
    `${paint('bold', `avara-ingest ${status.version}`)}  ${paint('dim', `up ${uptime}, ${url}`)}\n`,
    facts.map(([name = '', value = '']) => `  ${paint('dim', name.padEnd(11))}${value}\n`).join(''),
  ];
  const troubles = (status.customers ?? []).filter(
    ({ state }) => state === 'unknown' || state === 'inactive',
  );
  if (troubles.length > 0) {
    const lines = troubles.map(
      ({ customer, expressCustomerId, state }) =>
        `  ${customer}: ${expressCustomerId} is ${state === 'unknown' ? 'unknown' : 'deactivated'} at Avara\n`,
    );
    sections.push(`${paint('red', 'Customers that Avara refuses studies for')}\n${lines.join('')}`);
  }
  if (attention.length > 0) {
    sections.push(`${paint('red', 'Needs attention')}\n${attentionTable(attention, paint)}`);
    if (deliveries.attention > attention.length) sections.push(paint('dim', '  … more on the admin page\n'));
  }
  sections.push(
    recent.length === 0
      ? paint('dim', '  No study has come in yet.\n')
      : `${paint('bold', 'Newest studies')}\n${recentTable(recent, paint, now)}`,
  );
  const associations = status.pastAssociations ?? [];
  if (associations.length > 0) {
    sections.push(`${paint('bold', 'Last Associations')}\n${associationTable(associations, paint, now)}`);
  }
  return sections.join('\n');
}

function attentionTable(studies: readonly AdminStudy[], paint: Painter): string {
  const rows = studies.flatMap((study) =>
    study.avara
      .filter(({ state }) => state === 'attention')
      .map((delivery) => [
        study.customer,
        study.studyInstanceUid,
        delivery.product,
        String(delivery.attempts),
        delivery.lastError ?? '',
      ]),
  );
  return renderTable(
    [
      { title: 'CUSTOMER' },
      { title: 'STUDY' },
      { title: 'PRODUCT' },
      { title: 'TRIES', align: 'right' },
      { title: 'WHY' },
    ],
    rows,
    paint,
  );
}

function recentTable(studies: readonly AdminStudy[], paint: Painter, now: number): string {
  const rows = studies.map((study) => [
    study.customer,
    study.studyInstanceUid,
    study.state === 'stable' ? 'stable' : paint('cyan', study.state),
    formatCount(study.instances),
    formatBytes(study.bytes),
    `${formatDuration(now - Date.parse(study.lastReceivedAt))} ago`,
    study.avara.map((delivery) => deliveryText(delivery, paint)).join(', ') || '–',
  ]);
  return renderTable(
    [
      { title: 'CUSTOMER' },
      { title: 'STUDY' },
      { title: 'STATE' },
      { title: 'IMAGES', align: 'right' },
      { title: 'SIZE', align: 'right' },
      { title: 'LAST', align: 'right' },
      { title: 'AVARA' },
    ],
    rows,
    paint,
  );
}

function deliveryText({ product, state }: AdminStudy['avara'][number], paint: Painter): string {
  const style = state === 'created' ? 'green' : state === 'attention' ? 'red' : 'yellow';
  return `${product} ${paint(style, state)}`;
}
