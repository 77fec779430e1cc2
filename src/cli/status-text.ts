import { associationTable } from './association-table.ts';
import type { AdminStatus, AdminStudy } from './daemon-client.ts';
import { bytesOf, spanOf } from '../core/summary/in-words.ts';
import type { Painter } from './output.ts';
import { formatBytes, formatCount, formatDuration, printable, renderTable } from './output.ts';

/** Most lines of senders that were turned away; the status page has all of them. */
const MAX_REFUSED = 5;
const MAX_DAMAGED = 10;

/** What `status` tells. */
export interface StatusView {
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
  facts.push(...placeFacts(status, paint, now));
  const sections = [
    `${paint('bold', `avara-ingest ${status.version}`)}  ${paint('dim', `up ${uptime}, ${url}`)}\n`,
    ...stateLines(status, paint),
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
  sections.push(...damagedSection(status, paint), ...senderSections(status, paint, now));
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

/** The state in a sentence, then each thing to look at in a line. */
function stateLines({ state, sentence, problems = [] }: AdminStatus, paint: Painter): string[] {
  if (sentence === undefined) return [];
  const style = state === 'good' ? 'green' : state === 'warn' ? 'yellow' : 'red';
  const lines = problems.map(
    ({ severity, text }) => `  ${paint(severity === 'bad' ? 'red' : 'yellow', '•')} ${text}\n`,
  );
  return [
    `${paint(style, state === 'good' ? '✓' : '!')} ${paint('bold', sentence)}\n${lines.length > 1 ? lines.join('') : ''}`,
  ];
}

/** What comes in, and how long the disk lasts. */
function placeFacts(
  { intake, disk, associations, integrity }: AdminStatus,
  paint: Painter,
  now: number,
): string[][] {
  const facts: string[][] = [];
  if (intake !== undefined) {
    const last =
      intake.lastImageAt === undefined
        ? ''
        : `, last image ${spanOf(now - Date.parse(intake.lastImageAt))} ago`;
    const rate = intake.imagesPerSecond.toFixed(intake.imagesPerSecond < 10 ? 1 : 0);
    facts.push([
      'Coming in',
      `${rate} images/s, ${formatBytes(intake.bytesPerSecond)}/s over ${associations?.length ?? 0} Associations${last}`,
    ]);
  }
  if (disk !== undefined) {
    const { forecast } = disk;
    const outlook =
      forecast?.kind === 'filling' && forecast.fullAt !== undefined
        ? `, full in about ${spanOf(Date.parse(forecast.fullAt) - now)} at ${bytesOf(forecast.bytesPerDay ?? 0)} a day`
        : forecast?.kind === 'steady'
          ? ', not filling up'
          : '';
    const text = `${bytesOf(disk.freeBytes)} free of ${bytesOf(disk.totalBytes)}${outlook}`;
    facts.push(['Disk', disk.isBelowReserve ? paint('red', `${text}: full`) : text]);
  }
  const { oldestCheckAt } = integrity ?? {};
  if (integrity?.isActive === true && typeof oldestCheckAt === 'string')
    facts.push([
      'Checked',
      `the image whose turn is next was last read ${spanOf(now - Date.parse(oldestCheckAt))} ago`,
    ]);
  return facts;
}

/** Objects that are not what was acknowledged, and what to do about each. */
function damagedSection({ integrity }: AdminStatus, paint: Painter): string[] {
  if (integrity === undefined || integrity.damagedObjects === 0) return [];
  const lines = integrity.damaged
    .slice(0, MAX_DAMAGED)
    .map(({ path, detail, remedy }) =>
      printable(`  ${path}: ${detail}${remedy === null ? '' : `; ${remedy}`}`),
    );
  const more = integrity.damagedObjects - lines.length;
  const rest = more > 0 ? [paint('dim', `  … and ${formatCount(more)} more: "avara-ingest verify"`)] : [];
  return [`${paint('red', 'Missing or damaged')}\n${[...lines, ...rest].join('\n')}\n`];
}

/** Senders that are silent, and senders that were turned away, with what would let them in. */
function senderSections(
  { silentSenders = [], refusedSenders = [] }: AdminStatus,
  paint: Painter,
  now: number,
): string[] {
  const sections: string[] = [];
  if (silentSenders.length > 0) {
    const rows = silentSenders.map(({ callingAeTitle, source, customer, lastAt, habit }) => [
      callingAeTitle === '' ? source : callingAeTitle,
      customer,
      `${spanOf(now - Date.parse(lastAt))} ago`,
      habit.missedHours === undefined ? '' : `${Math.round(habit.missedHours)} h in which it usually sends`,
    ]);
    const columns = ['SENDER', 'CUSTOMER', 'LAST IMAGE', 'SILENT FOR'].map((title) => ({ title }));
    sections.push(`${paint('yellow', 'Silent for longer than usual')}\n${renderTable(columns, rows, paint)}`);
  }
  if (refusedSenders.length > 0) {
    const lines = refusedSenders.slice(0, MAX_REFUSED).map((sender) => {
      const [suggestion] = sender.suggestions;
      const how =
        suggestion === undefined
          ? ''
          : `    ${paint('dim', suggestion.kind === 'add' ? 'to let it in, add to routes:' : `to let it in, replace routes[${suggestion.route ?? 0}]:`)} ${JSON.stringify(suggestion.entry)}\n`;
      return `${printable(`  ${sender.callingAeTitle} (${sender.peerAddress}) calling ${sender.calledAeTitle}, ${spanOf(now - Date.parse(sender.lastAt))} ago: ${sender.explanation}`)}\n${how}`;
    });
    sections.push(`${paint('yellow', 'Turned away')}\n${lines.join('')}`);
  }
  return sections;
}
