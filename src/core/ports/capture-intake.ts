import type { UploadGrant } from '../access/upload-token.ts';

/** What became of an uploaded object. */
export type CaptureOutcome =
  | { readonly kind: 'stored' | 'duplicate' | 'conflict'; readonly sopInstanceUid: string }
  /** Not an object of the study that the URL was made for, or no DICOM object at all. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Not now: the sender should try again. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Takes objects that Avara's viewer made in. */
export interface CaptureIntake {
  /** Resolves once the outcome is durable; never rejects. @param body a Part 10 file. */
  take(grant: UploadGrant, body: Buffer, peerAddress: string | undefined): Promise<CaptureOutcome>;
}
