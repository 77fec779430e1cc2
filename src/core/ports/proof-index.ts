import type { CustomerKey, InstanceKey, StudyKey } from '../study/instance.ts';
import type { Product } from '../study/study.ts';
import type { ConflictRecord, StoredInstance } from './study-index.ts';

/** Which studies are looked at; absent members: all. */
export interface StudySelection {
  readonly customer?: CustomerKey;
  readonly studyInstanceUid?: string;
  /** Only what was received from then on, ms since 1970. */
  readonly receivedSince?: number;
}

export interface SelectedStudy {
  readonly id: number;
  readonly key: StudyKey;
}

/** What a study's row says it holds, and what its instances come to. */
export interface StudyCounts {
  readonly noted: { readonly instances: number; readonly bytes: number };
  readonly counted: { readonly instances: number; readonly bytes: number };
  /** Series whose own number is wrong. */
  readonly wrongSeries: number;
}

/** A ledger entry that does not agree with what it stands for. */
export interface LedgerFault {
  readonly ledgerId: number;
  readonly outcome: 'stored' | 'conflict';
  /** The row number that it names. */
  readonly subjectId: number;
  readonly at: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Absent: what it stands for is not in the index. */
  readonly found?: { readonly bytes: number; readonly sha256: string };
}

/** One stretch of the ledger. */
export interface LedgerStretch {
  /** Number of the last entry looked at; undefined: there are no more. */
  readonly last: number | undefined;
  readonly stored: number;
  readonly conflicts: number;
  readonly faults: readonly LedgerFault[];
  /** `instance.id` of the entries of outcome `stored`. */
  readonly instanceIds: readonly number[];
}

/** What proof and repair ask of the index. Reads are synchronous and short: call again for more. */
export interface ProofIndex {
  /** Studies by their row number, ascending. */
  selectStudies(selection: StudySelection, afterId: number, limit: number): readonly SelectedStudy[];
  selectedTotals(selection: StudySelection): { studies: number; instances: number; bytes: number };
  countsOf(studyId: number): StudyCounts | undefined;
  conflicts(
    selection: StudySelection,
    afterId: number,
    limit: number,
  ): readonly (ConflictRecord & { readonly id: number })[];
  hasConflict(path: string): boolean;
  findConflict(path: string): ConflictRecord | undefined;
  /** Leaves out what was removed on purpose. */
  ledger(afterId: number, limit: number): LedgerStretch;
  /** Whether files of the study are still to go, because it was removed on purpose. */
  isBeingRemoved(study: StudyKey): boolean;
  highestInstanceId(): number;
  /** Row numbers of instances, ascending. */
  instanceIds(afterId: number, limit: number): readonly number[];
  keyOf(instanceId: number): InstanceKey | undefined;
  /**
   * Adds an instance whose row was lost.
   * @param acknowledged its entry in the ledger, if there is one: it gets the row number back that the entry names, and
   * no second entry.
   */
  restoreInstance(instance: StoredInstance, acknowledged: LedgerFault | undefined): Promise<void>;
  /** The same for a conflict. */
  restoreConflict(conflict: ConflictRecord, acknowledged: LedgerFault | undefined): Promise<void>;
  /** Corrects the counts of a study and its series. */
  recount(studyId: number): Promise<void>;
  /** Names of the totals kept for status and metrics that do not agree with the rows that they count. */
  wrongTotals(): readonly string[];
  /** Counts them anew. */
  recountTotals(): Promise<void>;
  /** Adds an outbox entry where a stable study has none for the product. @returns whether it did. */
  addEntry(study: StudyKey, product: Product, now: number): Promise<boolean>;
}
