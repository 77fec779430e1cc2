import type { CustomerKey, StudyKey } from '../study/instance.ts';

/** Where stored reports go besides the data folder. */
export type ReportTarget = 'folder' | 'url' | 'pacs';
export const REPORT_TARGETS: readonly ReportTarget[] = ['folder', 'url', 'pacs'];

/** A `report.delivered` as it came. Text is patient data: never log it. */
export interface ReportEvent {
  readonly eventId: string;
  readonly reportId: string;
  readonly avaraStudyId: string;
  /** Customers that the signature of the event speaks for. */
  readonly signers: readonly CustomerKey[];
  readonly isCritical: boolean;
  /** Of the PDF; good for about an hour. */
  readonly presignedUrl: string;
  readonly plainText?: string;
  /** Where it is known already which study here it belongs to. */
  readonly study?: StudyKey;
}

/** A report to be fetched. */
export interface ReportJob extends ReportEvent {
  readonly id: number;
  readonly attempts: number;
  readonly receivedAt: number;
}

/** A version of a report that lies in the data folder. */
export interface StoredReport {
  readonly id: number;
  readonly reportId: string;
  /** 1 for the first; each addendum or correction is one more. */
  readonly version: number;
  readonly study: StudyKey;
  readonly avaraStudyId: string;
  readonly isCritical: boolean;
  readonly plainText?: string;
  /** Of the PDF, lower-case hex. */
  readonly sha256: string;
  readonly receivedAt: number;
}

/** A version of a report as the file beside its PDF in the data folder describes it. */
export interface ReportDescription {
  readonly reportId: string;
  readonly version: number;
  readonly avaraStudyId: string;
  readonly eventId: string;
  readonly isCritical: boolean;
  readonly receivedAt: string;
  readonly sha256: string;
  readonly customer: string;
  readonly studyInstanceUid: string;
  readonly plainText?: string;
}

/** A stored report on its way to one target. */
export interface ReportOutputJob {
  readonly id: number;
  readonly target: ReportTarget;
  readonly attempts: number;
  readonly report: StoredReport;
}

/** How many there are, by state. */
export interface ReportTotals {
  readonly reports: Readonly<Record<'pending' | 'stored' | 'attention', number>>;
  readonly outputs: Readonly<Record<'pending' | 'done' | 'attention', number>>;
}

/** Durable records of reports and where they go. Writes resolve on commit. */
export interface ReportRecords {
  /**
   * Takes an event down, on stable storage. `known`: its event id came before, and nothing is to be done. What else waits of
   * its report becomes due.
   */
  accept(event: ReportEvent, now: number): Promise<'new' | 'known'>;
  /** Reports whose time to be fetched has come, oldest first; of one report only the event that came first. */
  due(now: number, limit: number, busy: ReadonlySet<number>): readonly ReportJob[];
  /** Outputs whose time has come, oldest first; to a folder or URL, no version before an earlier one. */
  dueOutputs(now: number, limit: number, busy: ReadonlySet<number>): readonly ReportOutputJob[];
  /** When the next of either falls due; undefined: nothing waits. */
  nextDueAt(busy: ReadonlySet<number>, busyOutputs: ReadonlySet<number>): number | undefined;
  begin(id: number): Promise<void>;
  /** The latest version stored of a report. */
  latest(reportId: string): StoredReport | undefined;
  /** Whether a later event of the same report waits. */
  hasLater(job: Pick<ReportJob, 'id' | 'reportId'>): boolean;
  /** It lies in the data folder as this version; one output per target is added, and those of earlier versions become due. */
  stored(
    id: number,
    result: { readonly study: StudyKey; readonly version: number; readonly sha256: string },
    targets: readonly ReportTarget[],
    now: number,
  ): Promise<void>;
  /** The same as the version stored already, or overtaken by a later event: nothing goes anywhere. */
  repeated(id: number, study: StudyKey): Promise<void>;
  postpone(id: number, at: number, error: string): Promise<void>;
  needAttention(id: number, error: string): Promise<void>;
  beginOutput(id: number): Promise<void>;
  outputDone(id: number, detail: string, now: number): Promise<void>;
  postponeOutput(id: number, at: number, error: string): Promise<void>;
  outputNeedsAttention(id: number, error: string): Promise<void>;
  /** The latest version of each report of a study, newest first. */
  ofStudy(study: StudyKey): readonly StoredReport[];
  /** What needs attention, newest first. */
  problems(limit: number): readonly {
    readonly reportId: string;
    readonly study?: StudyKey;
    readonly target?: ReportTarget;
    readonly error: string;
  }[];
  /** Puts everything that waits or needs attention back to due now. @returns how many. */
  retryAll(now: number): Promise<number>;
  totals(): ReportTotals;
}
