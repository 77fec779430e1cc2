import { countOf } from '../../core/summary/in-words.ts';

/** What an action of the page did, as it is told on the page that follows. */
export const NOTICES = {
  retried: (count: number) => `${countOf(count, 'delivery is', 'deliveries are')} tried again now.`,
  completed: () => 'The study is complete and goes to Avara.',
  cancelled: () => 'The study is being cancelled at Avara.',
  uncancelled: () => 'The study is taken up again at Avara.',
  corrected: (count: number) =>
    count === 0
      ? 'There was nothing to take over.'
      : `${countOf(count, 'value was', 'values were')} taken over.`,
  'reports-retried': (count: number) => `${countOf(count, 'report is', 'reports are')} tried again now.`,
  requeued: (count: number) =>
    count === 0
      ? 'None could be taken in; the reasons are below.'
      : `${countOf(count, 'file was', 'files were')} taken in.`,
  forgotten: () => 'Forgotten. If it calls again, it is listed again.',
  moved: () => 'The study was moved.',
} as const satisfies Readonly<Record<string, (count: number) => string>>;
export type Notice = keyof typeof NOTICES;

/** The words for what a URL says was done; nothing for anything that is not ours. */
export function noticeOf(done: string | null, count: string | null): string | undefined {
  if (done === null || !Object.hasOwn(NOTICES, done)) return undefined;
  const number = Number(count ?? 0);
  return NOTICES[done as Notice](Number.isSafeInteger(number) ? number : 0);
}
