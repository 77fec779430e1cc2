import type { InstanceKey } from '../study/instance.ts';

/** Why a file, or a member of one, is not stored as an instance. Closed set, shown to operators and programs. */
export type RejectionCode =
  /** Nothing in it looks like DICOM. */
  | 'not-dicom'
  | 'empty'
  /** It ends before its Data Set (or archive) does. */
  | 'truncated'
  /** It contradicts itself. */
  | 'damaged'
  /** A Data Set without one of the four UIDs that every composite object has. */
  | 'missing-uid'
  /** A Data Set whose Transfer Syntax cannot be known for certain. */
  | 'transfer-syntax-unknown'
  /** DICOM, but of a SOP Class that is not stored. */
  | 'not-storable'
  /** A DICOMDIR: lists other files, and is not stored itself. */
  | 'media-directory'
  /** Unpacks to more than the bounds allow, or is nested too deeply. */
  | 'archive-too-large'
  | 'encrypted'
  | 'unsupported'
  /** Could not be read, or failed here, again and again. */
  | 'unreadable'
  | 'internal-error';

export interface Rejection {
  readonly kind: 'rejected';
  readonly code: RejectionCode;
  /** For people, without patient data. */
  readonly reason: string;
}

/** What became of one object of a file. */
export type ObjectOutcome =
  | { readonly kind: 'stored' | 'duplicate' | 'conflict'; readonly key: InstanceKey }
  | Rejection
  /** The file is not what it was when reading began: nothing was kept, read it again. */
  | { readonly kind: 'changed' }
  /** Nothing wrong with it: try again later. */
  | {
      readonly kind: 'postponed';
      readonly code: 'out-of-resources' | 'processing-failure' | 'unreadable';
      readonly reason: string;
    };

export function rejected(code: RejectionCode, reason: string): Rejection {
  return { kind: 'rejected', code, reason };
}
