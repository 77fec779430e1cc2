import type { DataSetIntegrity } from '../../dicom/part10/data-set-scan.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { InstanceHeader, StudyKeyword } from '../study/header.ts';
import type { CustomerKey, InstanceKey, InstanceOrigin, StudyKey } from '../study/instance.ts';
import type { RemovalRecord } from './removals.ts';
import type {
  DeliveryState,
  Disagreement,
  SeriesDescription,
  InstanceRecord,
  Product,
  SeriesRecord,
  StudyPage,
  StudyQuery,
  StudyRecord,
} from '../study/study.ts';

/** An instance whose bytes are durable in the object store, about to be indexed. */
export interface StoredInstance {
  readonly key: InstanceKey;
  readonly header: InstanceHeader;
  readonly origin: InstanceOrigin;
  readonly transferSyntaxUid: Uid;
  readonly fileBytes: number;
  readonly dataSetOffset: number;
  readonly sha256: string;
  readonly receivedAt: number;
  /** What the structure check said; whatever it is, the bytes are kept as sent and the operator can see it. */
  readonly integrity: DataSetIntegrity;
}

/** A write that is done except for its commit. */
export interface PreparedWrite {
  /** Resolves when it has committed. */
  commit(): Promise<void>;
  cancel(): void;
}

/** A second object under UIDs already held, with other bytes; kept beside the first. */
export interface ConflictRecord {
  readonly key: InstanceKey;
  readonly sha256: string;
  readonly fileBytes: number;
  readonly receivedAt: number;
  /** Path below the data folder. */
  readonly path: string;
  readonly origin: Omit<InstanceOrigin, 'intakeId'>;
}

/** What a series consists of, in short. */
export interface SeriesContents {
  readonly seriesInstanceUid: Uid;
  readonly instances: number;
  /** SHA-256 over UIDs and digests of its instances in their order: changes with any of them. */
  readonly digest: string;
}

/** Totals for status, metrics and `verify`. */
export interface IndexTotals {
  readonly studies: number;
  readonly receivingStudies: number;
  readonly instances: number;
  readonly bytes: number;
  readonly conflicts: number;
  readonly deliveries: Readonly<Record<DeliveryState, number>>;
  /** Instances that the ledger says were acknowledged as stored. */
  readonly acknowledgedInstances: number;
  /** Instances of the ledger whose study was removed since: acknowledged = `instances` + these. */
  readonly removedInstances: number;
  /** Instances of studies that are at Avara in every product they are to go to. */
  readonly announcedInstances: number;
}

/** What is held of one customer, also one that is no longer configured. */
export interface CustomerTotals {
  readonly customer: CustomerKey;
  readonly studies: number;
  readonly receivingStudies: number;
  readonly instances: number;
  readonly bytes: number;
  readonly announcedInstances: number;
}

/** The cursor of a {@link StudyQuery} is not one that an earlier page gave. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
}

/**
 * What the daemon knows of its objects. Rebuildable from the object store. Reads are synchronous and use prepared
 * statements; writes resolve when their transaction has committed. A commit survives the process; it survives power
 * loss only after {@link StudyIndex.sync}, and the object store keeps what start-up recovery needs until then.
 */
export interface StudyIndex {
  findInstance(key: InstanceKey): InstanceRecord | undefined;
  /** Where this customer has a SOP Instance: once, unless a sender put the same UID into several series. */
  findInstancesBySopUid(customer: CustomerKey, sopInstanceUid: Uid): readonly InstanceRecord[];
  /** Adds the instance, its series and study (which goes back to `receiving`) and its ledger entry. */
  addInstance(instance: StoredInstance): Promise<void>;
  /**
   * Does of {@link StudyIndex.addInstance} what can be done while the bytes of the instance are still on their way to the
   * disk. Before its commit nobody sees any of it: whoever reads or writes meanwhile finds the index as it was, and
   * the commit does the work again.
   * @returns undefined where that would be in the way of others.
   */
  prepareInstance(instance: StoredInstance): PreparedWrite | undefined;
  addConflict(conflict: ConflictRecord): Promise<void>;
  conflicts(limit: number): readonly ConflictRecord[];

  findStudy(key: StudyKey): StudyRecord | undefined;
  /** All studies with this Study Instance UID, whatever their customer. */
  findStudiesByUid(studyInstanceUid: Uid): readonly StudyRecord[];
  /** The study that a delivery created or adopted at Avara. */
  findStudyByAvaraId(avaraStudyId: string): { study: StudyRecord; product: Product } | undefined;
  /** The latest removal for each customer that had a study of this UID and has it no more. */
  findRemovals(studyInstanceUid: Uid): readonly RemovalRecord[];
  /** The latest removal of a study that was this one at Avara, and is not here. */
  findRemovalByAvaraId(avaraStudyId: string): RemovalRecord | undefined;
  /** Newest `lastReceivedAt` first. @throws CursorError */
  listStudies(query: StudyQuery): StudyPage;
  /** In series number, then UID order. */
  listSeries(key: StudyKey): readonly SeriesRecord[];
  /**
   * In series number, instance number, then UID order: the order of Avara's manifest.
   * @param seriesInstanceUid only those of this series; absent: of all.
   */
  listInstances(key: StudyKey, seriesInstanceUid?: Uid): readonly InstanceRecord[];
  /** What {@link listSeries} and {@link listInstances} list, in their order; many times faster, because it says less. */
  describeStudy(key: StudyKey): readonly SeriesDescription[];
  /** Kept in step by every write, so that they cost nothing to ask for. */
  /** What each series consists of, in the order of {@link StudyIndex.listSeries}. */
  listContents(key: StudyKey): readonly SeriesContents[];
  totals(): IndexTotals;
  /** The same by customer. */
  customerTotals(): readonly CustomerTotals[];

  /** What instances of the study state other than its attributes, by keyword, the latest first. */
  disagreements(key: StudyKey): readonly Disagreement[];
  /**
   * Takes the latest of the values that the study's instances disagree about for its attributes: a correction came
   * with later instances. In the same transaction it becomes something to tell Avara.
   * @returns the keywords that changed.
   */
  acceptDisagreements(key: StudyKey, now: number): Promise<readonly StudyKeyword[]>;

  /** Studies still receiving, for the settling timer after a start. */
  receivingStudies(): readonly { key: StudyKey; lastReceivedAt: number }[];
  /**
   * Makes the study stable if it is receiving and nothing newer than `lastReceivedAt` came in, and in the same
   * transaction adds one pending outbox entry per product that has none.
   * @returns whether it became stable.
   */
  settle(key: StudyKey, lastReceivedAt: number, products: readonly Product[], now: number): Promise<boolean>;

  /** Resolves when every commit before the call is on stable storage. */
  sync(): Promise<void>;
  close(): void;
}
