import type { Uid } from '../../dicom/uid.ts';
import type { ImageAttributes, SeriesAttributes, StudyAttributes, StudyKeyword } from './header.ts';
import type { CustomerKey, InstanceKey, Source, StudyKey } from './instance.ts';

/** `receiving` until nothing new arrived for a while or an operator completed it, then `stable`. */
export type StudyState = 'receiving' | 'stable';

/** Avara's products, spelled as in its paths. */
export const PRODUCTS = ['viewer', 'autoScribe'] as const;
export type Product = (typeof PRODUCTS)[number];

/** `pending` covers everything that will be tried (again) without a hand. */
export type DeliveryState = 'pending' | 'created' | 'attention';

/** Where a study stands at Avara, for one product. */
export interface DeliveryStatus {
  readonly product: Product;
  readonly state: DeliveryState;
  /** Avara's id, `stu_…`, once known. */
  readonly studyId?: string;
  readonly attempts: number;
  readonly lastError?: string;
  /** An operator cancelled it there. */
  readonly isCancelled?: boolean;
  /** It is at Avara and there is something new to tell. */
  readonly isChangePending?: boolean;
}

/** A value that other instances of a study state than the one its attributes are from. */
export interface Disagreement {
  readonly keyword: StudyKeyword;
  /** Patient data: never log it. */
  readonly value: string;
  /** How many instances state it. */
  readonly instances: number;
  /** The latest of them. */
  readonly sopInstanceUid: Uid;
  readonly lastReceivedAt: number;
}

/** A study as the index knows it. Times are milliseconds since 1970 UTC. */
export interface StudyRecord {
  readonly key: StudyKey;
  readonly state: StudyState;
  readonly instances: number;
  /** Sum of the stored files' sizes in bytes. */
  readonly bytes: number;
  readonly firstReceivedAt: number;
  readonly lastReceivedAt: number;
  /** Of the study's deterministic instance: the first received that is not an SR, PR or KO, else the first. */
  readonly attributes: StudyAttributes;
  /** Distinct Modality values of the series, sorted. */
  readonly modalities: readonly string[];
  /** How the deterministic instance came in. */
  readonly origin: {
    readonly source: Source;
    readonly callingAeTitle?: string;
    readonly calledAeTitle?: string;
    readonly peerAddress?: string;
  };
  readonly deliveries: readonly DeliveryStatus[];
  /** Keywords that its instances disagree about; absent: none. */
  readonly disagreements?: readonly StudyKeyword[];
}

/** A series as the index knows it. */
export interface SeriesRecord {
  readonly seriesInstanceUid: Uid;
  readonly attributes: SeriesAttributes;
  readonly instances: number;
}

/** An instance as the index knows it. */
export interface InstanceRecord {
  readonly key: InstanceKey;
  readonly sopClassUid: Uid;
  readonly transferSyntaxUid: Uid;
  /** Size of the Part 10 file in bytes. */
  readonly fileBytes: number;
  /** Where the Data Set starts in the file. */
  readonly dataSetOffset: number;
  /** SHA-256 of the Data Set bytes, lower-case hex. */
  readonly sha256: string;
  readonly receivedAt: number;
  readonly image: ImageAttributes;
}

/** One or more instances next to each other in the order of their series that differ in UID and number only, as slices do. */
export interface InstanceRun {
  readonly sopClassUid: Uid;
  readonly image: Omit<ImageAttributes, 'instanceNumber'>;
  readonly sopInstanceUids: readonly Uid[];
  /** One for each UID. */
  readonly instanceNumbers: readonly (number | undefined)[];
}

/** What viewers are told of a series before they have read it. */
export interface SeriesDescription extends SeriesRecord {
  readonly runs: readonly InstanceRun[];
}

/** One page of a list; `cursor` continues it and is absent on the last page. */
export interface StudyPage {
  readonly studies: readonly StudyRecord[];
  readonly cursor?: string;
}

export interface StudyQuery {
  /** 1 to 1000. */
  readonly limit: number;
  readonly cursor?: string;
  /** Only studies of these customers; absent: of all. */
  readonly customers?: readonly CustomerKey[];
  readonly state?: StudyState;
  /** Only studies with a delivery in this state. */
  readonly delivery?: DeliveryState;
  /** Prefix of Patient ID, Accession Number, Study Instance UID or a name component. */
  readonly text?: string;
}
