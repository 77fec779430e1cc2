import type { AlertMessage, AlertReport } from '../core/ports/alert-channel.ts';

const LABELS: Readonly<Record<AlertReport['state'], string>> = {
  raised: 'ALERT',
  still: 'STILL',
  recovered: 'OVER',
  test: 'TEST',
};

/** One line for a subject: what, and how many more. */
export function subjectOf({ alerts }: AlertMessage, name: string): string {
  const [first] = alerts;
  if (first === undefined) return name;
  const more = alerts.length === 1 ? '' : ` (and ${alerts.length - 1} more)`;
  return `[${name}] ${LABELS[first.state]}: ${first.summary}${more}`;
}

/** The whole message for people. */
export function textOfMessage({ alerts }: AlertMessage, name: string): string {
  const paragraphs = alerts.map(({ state, summary, advice, since }) =>
    [
      `${LABELS[state]}: ${summary}`,
      ...(state === 'recovered' ? [] : [`What to do: ${advice}`]),
      `Since: ${since}`,
    ].join('\n'),
  );
  return `${[...paragraphs, `avara-ingest on ${name}`].join('\n\n')}\n`;
}
