import { createHash } from 'node:crypto';
import { retryDelay } from '../delivery/retry-policy.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { ReportJob, ReportOutputJob, ReportRecords, ReportTarget } from '../ports/report-records.ts';
import type { StudyKey } from '../study/instance.ts';

/** Reports fetched or sent on at once. */
const CONCURRENCY = 2;
/** Longest sleep: a clock set forward is noticed. */
const MAX_SLEEP_MS = 600_000;
const MIN_SLEEP_MS = 20;
const BACKOFF = { baseMs: 5_000, capMs: 900_000 };

/** How a step fared that is not done here: `transient` is repeated for as long as it takes. */
export type StepResult<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'transient'; readonly error: string; readonly retryAfterMs?: number }
  | { readonly kind: 'permanent'; readonly error: string };

/** Where the study is that a report belongs to, and how its PDF is had. */
export interface ReportSource {
  findStudy(job: ReportJob): Promise<StepResult<StudyKey>>;
  download(job: ReportJob, study: StudyKey): Promise<StepResult<DownloadedReport>>;
}

export interface DownloadedReport {
  readonly pdf: Buffer;
  /** What Avara has of the report now, which a later event may have brought; not what this event delivered. */
  readonly isLatest: boolean;
}

/** Keeps versions in the data folder. */
export interface ReportFiles {
  save(report: ReportFileSet): Promise<void>;
  readPdf(report: { study: StudyKey; reportId: string; version: number }): Promise<Buffer>;
}

export interface ReportFileSet {
  readonly study: StudyKey;
  readonly reportId: string;
  readonly version: number;
  readonly pdf: Buffer;
  readonly plainText?: string;
  /** Written beside it as JSON. */
  readonly description: Readonly<Record<string, unknown>>;
}

/** Sends a stored report to one target. @returns a note on how, for the record. */
export type SendReport = (job: ReportOutputJob, pdf: Buffer) => Promise<StepResult<string>>;

export interface ReportLoopOptions {
  readonly records: ReportRecords;
  readonly source: ReportSource;
  readonly files: ReportFiles;
  /** What the customer of a study has configured now. */
  readonly targetsOf: (study: StudyKey) => readonly ReportTarget[];
  readonly send: SendReport;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1); default `Math.random`. */
  readonly random?: () => number;
}

/** Brings reports home: fetches them, keeps them, and sends them where they are wanted. */
export interface ReportLoop {
  start(): void;
  wake(): void;
  /** @param deadlineMs longest wait for what is under way, milliseconds. */
  stop(deadlineMs: number): Promise<void>;
}

export function createReportLoop(options: ReportLoopOptions): ReportLoop {
  const { records, source, files, targetsOf, send, clock, logger, random = Math.random } = options;
  const fetching = new Set<number>();
  const sending = new Set<number>();
  let isRunning = false;
  let cancelSleep: (() => void) | undefined;
  let idle: (() => void) | undefined;

  function wake(): void {
    if (!isRunning) return;
    cancelSleep?.();
    cancelSleep = undefined;
    const now = clock.now();
    for (const job of records.due(now, CONCURRENCY, fetching)) {
      if (!hasRoom()) break;
      fetching.add(job.id);
      void run(
        () => fetchReport(job),
        job.reportId,
        (error) => records.postpone(job.id, later(job), error),
      ).then(() => {
        fetching.delete(job.id);
        finished();
      });
    }
    for (const job of records.dueOutputs(now, CONCURRENCY, sending)) {
      if (!hasRoom()) break;
      sending.add(job.id);
      void run(
        () => sendOn(job),
        job.report.reportId,
        (error) => records.postponeOutput(job.id, later(job), error),
      ).then(() => {
        sending.delete(job.id);
        finished();
      });
    }
    if (!hasRoom()) return;
    const next = records.nextDueAt(fetching, sending);
    if (next === undefined) return;
    cancelSleep = clock.after(Math.min(Math.max(next - now, MIN_SLEEP_MS), MAX_SLEEP_MS), wake);
  }

  function hasRoom(): boolean {
    return fetching.size + sending.size < CONCURRENCY;
  }

  function finished(): void {
    wake();
    if (fetching.size + sending.size === 0) idle?.();
  }

  function later(job: { readonly attempts: number }, retryAfterMs?: number): number {
    const attempts = job.attempts + 1;
    return clock.now() + retryDelay({ attempts, retryAfterMs, minimumMs: 1000, random, backoff: BACKOFF });
  }

  /** A fault of ours must not lose the job, nor spin on it. */
  async function run(
    work: () => Promise<void>,
    reportId: string,
    postpone: (error: string) => Promise<void>,
  ): Promise<void> {
    try {
      await work();
    } catch (error) {
      logger.error({ reportId, err: error }, 'a report could not be worked on and will be again');
      await postpone('internal error; see the log').catch((again: unknown) => {
        logger.error({ reportId, err: again }, 'a report could not be postponed');
      });
    }
  }

  async function fetchReport(job: ReportJob): Promise<void> {
    await records.begin(job.id);
    const found =
      job.study === undefined ? await source.findStudy(job) : ({ kind: 'done', value: job.study } as const);
    if (found.kind !== 'done') return settleFetch(job, found);
    const study = found.value;
    const before = records.latest(job.reportId);
    if (before !== undefined && before.id > job.id) return overtaken(job, study);
    const downloaded = await source.download(job, study);
    if (downloaded.kind !== 'done') return settleFetch(job, downloaded);
    const { pdf, isLatest } = downloaded.value;
    if (isLatest && records.hasLater(job)) return overtaken(job, study);
    const sha256 = createHash('sha256').update(pdf).digest('hex');
    if (before?.sha256 === sha256 && before.plainText === job.plainText) {
      await records.repeated(job.id, study);
      logger.info({ ...study, reportId: job.reportId }, 'a report was delivered again as it was');
      return;
    }
    const version = (before?.version ?? 0) + 1;
    const { reportId, plainText, isCritical, avaraStudyId, eventId } = job;
    await files.save({
      study,
      reportId,
      version,
      pdf,
      ...(plainText !== undefined && { plainText }),
      description: {
        reportId,
        version,
        avaraStudyId,
        eventId,
        isCritical,
        receivedAt: new Date(job.receivedAt).toISOString(),
        sha256,
        ...study,
      },
    });
    const targets = targetsOf(study);
    await records.stored(job.id, { study, version, sha256 }, targets, clock.now());
    logger.info({ ...study, reportId, version, isCritical, targets }, 'a report has come home');
  }

  /** Readers take the highest version for the valid one: an old text must not come above a later one, nor go with its PDF. */
  async function overtaken(job: ReportJob, study: StudyKey): Promise<void> {
    await records.repeated(job.id, study);
    const { reportId, eventId } = job;
    logger.info({ ...study, reportId, eventId }, 'a report was not kept as a later event of it has come');
  }

  async function settleFetch(job: ReportJob, result: Exclude<StepResult<never>, { kind: 'done' }>) {
    const { reportId } = job;
    if (result.kind === 'transient') {
      await records.postpone(job.id, later(job, result.retryAfterMs), result.error);
      logger.debug({ reportId, reason: result.error }, 'a report is fetched later');
      return;
    }
    await records.needAttention(job.id, result.error);
    logger.error({ reportId, reason: result.error }, 'a report needs attention');
  }

  async function sendOn(job: ReportOutputJob): Promise<void> {
    const { report, target } = job;
    const fields = { ...report.study, reportId: report.reportId, version: report.version, target };
    await records.beginOutput(job.id);
    const result = await send(job, await files.readPdf(report));
    switch (result.kind) {
      case 'done':
        await records.outputDone(job.id, result.value, clock.now());
        logger.info({ ...fields, detail: result.value }, 'a report was sent on');
        return;
      case 'transient':
        await records.postponeOutput(job.id, later(job, result.retryAfterMs), result.error);
        logger.warn({ ...fields, reason: result.error }, 'a report could not be sent on yet');
        return;
      case 'permanent':
        await records.outputNeedsAttention(job.id, result.error);
        logger.error({ ...fields, reason: result.error }, 'a report that cannot be sent on needs attention');
    }
  }

  return {
    start() {
      isRunning = true;
      wake();
    },
    wake,
    async stop(deadlineMs) {
      isRunning = false;
      cancelSleep?.();
      cancelSleep = undefined;
      if (fetching.size + sending.size === 0) return;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(deadlineMs, resolve);
        idle = () => {
          cancel();
          resolve();
        };
      });
    },
  };
}
