import type { ConflictRecord } from '../core/ports/study-index.ts';
import type { CustomerKey, Source } from '../core/study/instance.ts';
import type { Uid } from '../dicom/uid.ts';

/** A conflict with its origin, as the queries select it. */
export interface ConflictRow {
  readonly customer: CustomerKey;
  readonly study_uid: Uid;
  readonly series_uid: Uid;
  readonly sop_uid: Uid;
  readonly sha256: string;
  readonly file_bytes: number;
  readonly received_at: number;
  readonly path: string;
  readonly source: Source;
  readonly calling_ae: string;
  readonly called_ae: string;
  readonly peer_address: string;
}

export function toConflictRecord(row: ConflictRow): ConflictRecord {
  return {
    key: {
      customer: row.customer,
      studyInstanceUid: row.study_uid,
      seriesInstanceUid: row.series_uid,
      sopInstanceUid: row.sop_uid,
    },
    sha256: row.sha256,
    fileBytes: row.file_bytes,
    receivedAt: row.received_at,
    path: row.path,
    origin: {
      source: row.source,
      customer: row.customer,
      ...(row.calling_ae && { callingAeTitle: row.calling_ae }),
      ...(row.called_ae && { calledAeTitle: row.called_ae }),
      ...(row.peer_address && { peerAddress: row.peer_address }),
    },
  };
}
