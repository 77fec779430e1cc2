import type { BulkDataPlace } from '../../dicom/json/find-bulk-data.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { InstanceRecord } from '../study/study.ts';

/** DICOM JSON of several instances, deflated: their objects with commas in between, no brackets. */
export interface MetadataPart {
  /** Raw deflate blocks that can be put behind others, see platform/gzip-parts.ts. */
  readonly deflated: Uint8Array;
  /** CRC-32 and length in bytes of the JSON. */
  readonly crc32: number;
  readonly bytes: number;
}

/** An object could not be read. */
export class MetadataSourceError extends Error {
  override readonly name = 'MetadataSourceError';
  readonly sopInstanceUid: Uid;
  constructor(sopInstanceUid: Uid, message: string) {
    super(message);
    this.sopInstanceUid = sopInstanceUid;
  }
}

/** `now`: somebody waits for it; `later`: with what the machine has left. */
export type MetadataUrgency = 'now' | 'later';

/** Writes the metadata of stored objects as DICOM JSON (PS3.18 F.2), off the event loop. */
export interface MetadataEncoder {
  /** How many calls at once make sense. */
  readonly concurrency: number;
  /**
   * @param instances at least one, of one customer.
   * @param serviceRoot what BulkDataURIs begin with: an absolute URL without a slash at its end.
   * @throws MetadataSourceError
   */
  encode(
    instances: readonly InstanceRecord[],
    serviceRoot: string,
    urgency: MetadataUrgency,
  ): Promise<MetadataPart>;
  /**
   * Finds the element that a BulkDataURI ends in.
   * @param path as `parseBulkDataPath` gave it.
   * @returns undefined where the object has no such element, or not all of it. @throws MetadataSourceError
   */
  findBulkData(instance: InstanceRecord, path: string): Promise<BulkDataPlace | undefined>;
}
