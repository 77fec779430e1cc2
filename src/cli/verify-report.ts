import type { Finding, ProofEnd, ProofProgress } from '../core/proof/finding.ts';
import { formatBytes, formatCount, formatDuration, type Painter, printable } from './output.ts';

/** One exception, with what it concerns and what can be done. */
export function findingText(found: Finding, paint: Painter): string {
  const { kind, severity, customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid, product, path } =
    found;
  const mark =
    found.repaired !== undefined
      ? paint('green', '✔')
      : severity === 'error'
        ? paint('red', '✖')
        : paint('yellow', '!');
  const subject = [customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid].filter(
    (part) => part !== undefined,
  );
  const lines = [
    `${mark} ${paint('bold', kind)}${product === undefined ? '' : ` (${product})`}: ${printable(found.detail)}`,
    ...(subject.length > 0 ? [subject.join(' / ')] : []),
    ...(path !== undefined ? [printable(path)] : []),
    ...(found.repaired !== undefined ? [`repaired: ${printable(found.repaired)}`] : []),
    ...(found.remedy !== undefined ? [paint('dim', printable(found.remedy))] : []),
  ];
  return `${lines.join('\n    ')}\n`;
}

export function proofProgressText(event: ProofProgress, elapsedMs: number): string {
  const { phase, studies, totalStudies, bytes } = event;
  const rate = elapsedMs > 0 ? `, ${formatBytes((bytes / elapsedMs) * 1000)}/s` : '';
  return `${phase}: ${formatCount(studies)} of ${formatCount(totalStudies)} studies, ${formatBytes(bytes)}${rate}`;
}

export interface ProofSummaryOptions {
  readonly where: string;
  readonly elapsedMs: number;
  readonly paint: Painter;
}

/** The invariant with its numbers, and the verdict. */
export function proofSummaryText(
  { counts, result }: ProofEnd,
  { where, elapsedMs, paint }: ProofSummaryOptions,
): string {
  const {
    acknowledged,
    stored,
    indexed,
    announced,
    waiting,
    errors,
    warnings,
    repaired,
    conflicts,
    studies,
  } = counts;
  const rest = [
    `${formatCount(waiting.receiving)} still receiving`,
    `${formatCount(waiting.pending)} on their way`,
    `${formatCount(waiting.attention)} need attention`,
    ...(waiting.missing > 0 ? [`${formatCount(waiting.missing)} go nowhere`] : []),
  ];
  const row = (name: string, value: number, note = ''): string =>
    `  ${name.padEnd(14)}${formatCount(value).padStart(12)}${note === '' ? '' : `   ${note}`}`;
  const lines = [
    ...(acknowledged === undefined ? [] : [row('acknowledged', acknowledged, 'instances, by the ledger')]),
    row('stored', stored, 'whole files'),
    row('indexed', indexed, `in ${formatCount(studies)} studies`),
    row('announced', announced, indexed === announced ? '' : rest.join(', ')),
    ...(conflicts > 0 ? [row('conflicts', conflicts, 'kept apart')] : []),
  ];
  const problems = [
    `${formatCount(errors)} ${errors === 1 ? 'exception' : 'exceptions'}`,
    ...(warnings > 0 ? [`${formatCount(warnings)} ${warnings === 1 ? 'warning' : 'warnings'}`] : []),
    ...(repaired > 0 ? [`${formatCount(repaired)} repaired`] : []),
  ].join(', ');
  const verdict =
    result === 'stopped'
      ? paint('yellow', `stopped before its end: ${problems} so far`)
      : errors === 0
        ? paint('green', `✔ proven: ${problems}`)
        : paint('red', `✖ not proven: ${problems}`);
  const place = where === '' ? '' : paint('dim', ` (${formatDuration(elapsedMs)}, ${where})`);
  return `${lines.join('\n')}\n${verdict}${place}\n`;
}
