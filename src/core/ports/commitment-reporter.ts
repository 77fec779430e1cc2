import type { CommitmentEventInformation } from '../../dicom/storage-commitment.ts';
import type { CommitmentRequest } from './commitment-requests.ts';

/** How an attempt to report ended; a closed set that the commitment loop decides by. */
export type ReportOutcome =
  /** The requestor answered Success (or a warning). */
  | { readonly kind: 'delivered'; readonly over: 'same-association' | 'new-association' }
  /** The requestor answered, and did not take this report. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The requestor could not be reached, or not in this role: no report would get through now. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The requestor's Association is gone and nobody has said where it listens. */
  | { readonly kind: 'unknown-peer' };

/** Takes the result of a storage commitment request to its requestor. */
export interface CommitmentReporter {
  /**
   * Never rejects.
   * @param signal gives the attempt up.
   */
  report(
    request: CommitmentRequest,
    event: CommitmentEventInformation,
    signal: AbortSignal,
  ): Promise<ReportOutcome>;
}
