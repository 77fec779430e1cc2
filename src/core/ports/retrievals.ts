import type { Uid } from '../../dicom/uid.ts';
import type { CustomerKey } from '../study/instance.ts';

/** Studies of one customer that an ephemeral session shows. */
export interface Retrieval {
  readonly customer: CustomerKey;
  readonly studyInstanceUids: readonly Uid[];
}

/** Opaque handles of studies, for ephemeral sessions at Avara. */
export interface Retrievals {
  /** @returns the new handle, good until `expiresAt` (ms since 1970). */
  add(retrieval: Retrieval, now: number, expiresAt: number): Promise<string>;
  /** @returns undefined for a handle that is unknown or has expired. */
  find(id: string, now: number): Retrieval | undefined;
}
