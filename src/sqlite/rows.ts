import type { SeriesAttributes, StudyAttributes, StudyKeyword } from '../core/study/header.ts';
import type { CustomerKey, Source } from '../core/study/instance.ts';
import type { DeliveryState, DeliveryStatus, Product, StudyRecord, StudyState } from '../core/study/study.ts';
import type { Uid } from '../dicom/uid.ts';

/** Columns of a study with its origin, as the queries select them. */
export interface StudyRow {
  readonly id: number;
  readonly customer: CustomerKey;
  readonly study_uid: Uid;
  readonly state: StudyState;
  readonly instances: number;
  readonly bytes: number;
  readonly first_received_at: number;
  readonly last_received_at: number;
  readonly modalities: string;
  readonly attributes: string;
  readonly source: Source;
  readonly calling_ae: string;
  readonly called_ae: string;
  readonly peer_address: string;
  /** JSON list. */
  readonly disagreements: string | null;
}

export const STUDY_COLUMNS = `
  study.id, study.customer, study.study_uid, study.state, study.instances, study.bytes, study.first_received_at,
  study.last_received_at, study.modalities, study.attributes, origin.source, origin.calling_ae, origin.called_ae,
  origin.peer_address,
  (SELECT json_group_array(keyword) FROM (SELECT DISTINCT keyword FROM disagreement
    WHERE disagreement.study_id = study.id)) AS disagreements`;

export interface DeliveryRow {
  readonly product: Product;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly avara_study_id: string | null;
  readonly last_error: string | null;
  readonly is_cancelled: number;
}

export function toStudyRecord(row: StudyRow, deliveries: readonly DeliveryRow[]): StudyRecord {
  const disagreements = JSON.parse(row.disagreements ?? '[]') as StudyKeyword[];
  return {
    key: { customer: row.customer, studyInstanceUid: row.study_uid },
    state: row.state,
    instances: row.instances,
    bytes: row.bytes,
    firstReceivedAt: row.first_received_at,
    lastReceivedAt: row.last_received_at,
    attributes: JSON.parse(row.attributes) as StudyAttributes,
    modalities: row.modalities === '' ? [] : row.modalities.split('\\'),
    origin: {
      source: row.source,
      ...(row.calling_ae && { callingAeTitle: row.calling_ae }),
      ...(row.called_ae && { calledAeTitle: row.called_ae }),
      ...(row.peer_address && { peerAddress: row.peer_address }),
    },
    deliveries: deliveries.map(toDeliveryStatus),
    ...(disagreements.length > 0 && { disagreements }),
  };
}

function toDeliveryStatus(row: DeliveryRow): DeliveryStatus {
  const isKnownAtAvara = row.avara_study_id !== null;
  return {
    product: row.product,
    // What waits for a change only is at Avara all the same.
    state: row.state === 'pending' && isKnownAtAvara ? 'created' : row.state,
    attempts: row.attempts,
    ...(row.avara_study_id !== null && { studyId: row.avara_study_id }),
    ...(row.last_error !== null && { lastError: row.last_error }),
    ...(row.is_cancelled === 1 && { isCancelled: true }),
    ...(row.state === 'pending' && isKnownAtAvara && { isChangePending: true }),
  };
}

export function parseSeriesAttributes(text: string): SeriesAttributes {
  return JSON.parse(text) as SeriesAttributes;
}
