import type { StudyAttributes } from '../../src/core/study/header.ts';
import { customerKey } from '../../src/core/study/instance.ts';
import type { DeliveryStatus, StudyRecord } from '../../src/core/study/study.ts';
import { uid } from '../../src/dicom/uid.ts';

export interface StudyRecordFields {
  readonly customer?: string;
  readonly study?: string;
  readonly state?: StudyRecord['state'];
  readonly instances?: number;
  readonly attributes?: StudyAttributes;
  readonly modalities?: readonly string[];
  readonly origin?: StudyRecord['origin'];
  readonly deliveries?: readonly DeliveryStatus[];
}

/** A study as the index knows it; every field can be set, the rest is plausible. */
export function studyRecord(fields: StudyRecordFields = {}): StudyRecord {
  return {
    key: {
      customer: customerKey(fields.customer ?? 'city-medical'),
      studyInstanceUid: uid(fields.study ?? '1.2.3'),
    },
    state: fields.state ?? 'stable',
    instances: fields.instances ?? 1,
    bytes: 1_000,
    firstReceivedAt: 1_000,
    lastReceivedAt: 2_000,
    attributes: fields.attributes ?? { StudyDescription: 'CT HEAD' },
    modalities: fields.modalities ?? ['CT'],
    origin: fields.origin ?? { source: 'dimse', callingAeTitle: 'CT1', calledAeTitle: 'CITYMED' },
    deliveries: fields.deliveries ?? [],
  };
}
