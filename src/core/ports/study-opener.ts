import type { StudyKey } from '../study/instance.ts';
import type { Product } from '../study/study.ts';

/** A temporary URL of Avara's under which a person opens a study; or why there is none. */
export type OpenOutcome =
  | { readonly kind: 'url'; readonly url: string; readonly product: Product }
  /** Not at Avara (yet), or not at this product. */
  | { readonly kind: 'not-there'; readonly reason: string }
  /** AutoScribe must be told who opens. */
  | { readonly kind: 'no-user'; readonly reason: string }
  /** Avara does not answer, or refuses. */
  | { readonly kind: 'failed'; readonly reason: string };

export interface OpenStudyQuestion {
  readonly study: StudyKey;
  /** Absent: the first of the customer's products that the study is at. */
  readonly product?: Product | undefined;
  /** `usr_…`, for AutoScribe; absent: as configured for the customer. */
  readonly userId?: string | undefined;
}

/** Asks Avara for temporary access. Never rejects. */
export interface StudyOpener {
  open(question: OpenStudyQuestion): Promise<OpenOutcome>;
}
