import type { CustomerKey, StudyKey } from '../core/study/instance.ts';
import type { Product } from '../core/study/study.ts';
import type { OpenOutcome, OpenStudyQuestion } from '../core/ports/study-opener.ts';
import type { AeTitle } from '../dicom/ae-title.ts';

/** Parts of the daemon and whether each can do its work; details hold no patient data and no secrets. */
export type Readiness = Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;

/** A sender as `route` asks about it. */
export interface RouteQuestion {
  readonly calledAe: AeTitle;
  readonly callingAe?: AeTitle;
  /** IP address. */
  readonly from?: string;
}

/** What the admin listener can have done. */
export interface AdminOperations {
  readiness(): Readiness;
  /** The answer of `GET /api/status`. */
  status(): object | Promise<object>;
  /** Makes a study stable now. */
  completeStudy(key: StudyKey): Promise<void>;
  /** Sends a study's deliveries again. @returns how many. */
  retryStudy(key: StudyKey): Promise<number>;
  /** The same for all studies, of a customer or of all. @returns how many. */
  retryAll(customer: CustomerKey | undefined): Promise<number>;
  /**
   * Has a study cancelled at Avara, or the cancellation undone.
   * @param product only there. @returns how many of its deliveries that concerns.
   */
  cancelStudy(key: StudyKey, product: Product | undefined, isCancelled: boolean): Promise<number>;
  /** Asks Avara for a temporary URL of a study. */
  openStudy(question: OpenStudyQuestion): Promise<OpenOutcome>;
  /** Fetches and sends on again the reports that wait or need attention. @returns how many. */
  retryReports(): Promise<number>;
  /** Takes over what later instances of a study state otherwise. @returns the keywords that changed. */
  correctStudy(key: StudyKey): Promise<readonly string[]>;
  /** Which customer a sender would get, and why: the answer of `GET /api/route`. */
  explainRoute(question: RouteQuestion): object;
  /** Starts signing object URLs with a new key. @returns its id. */
  rotateKeys(): Promise<string>;
}
