import type { StoredInstance } from '../../src/core/ports/study-index.ts';
import type { ImageAttributes, SeriesAttributes, StudyAttributes } from '../../src/core/study/header.ts';
import { customerKey, type InstanceOrigin } from '../../src/core/study/instance.ts';
import { uid } from '../../src/dicom/uid.ts';

export interface StoredInstanceFields {
  readonly customer?: string;
  readonly study?: string;
  readonly series?: string;
  readonly sop?: string;
  readonly sha256?: string;
  readonly receivedAt?: number;
  readonly fileBytes?: number;
  readonly origin?: Partial<InstanceOrigin>;
  readonly studyAttributes?: StudyAttributes;
  readonly seriesAttributes?: SeriesAttributes;
  readonly image?: ImageAttributes;
}

/** A CT instance as intake hands it to the index; every field can be set, the rest is plausible. */
export function storedInstance(fields: StoredInstanceFields = {}): StoredInstance {
  const customer = customerKey(fields.customer ?? 'city-medical');
  const key = {
    customer,
    studyInstanceUid: uid(fields.study ?? '1.2.3'),
    seriesInstanceUid: uid(fields.series ?? '1.2.3.4'),
    sopInstanceUid: uid(fields.sop ?? '1.2.3.4.5'),
  };
  return {
    key,
    header: {
      ...key,
      sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
      study: {
        PatientName: 'Doe^Jane',
        PatientID: 'P-1',
        StudyDescription: 'CT HEAD',
        ...fields.studyAttributes,
      },
      series: { Modality: 'CT', SeriesNumber: '1', ...fields.seriesAttributes },
      image: { instanceNumber: 1, rows: 512, columns: 512, ...fields.image },
    },
    origin: { source: 'dimse', customer, callingAeTitle: 'CT1', calledAeTitle: 'CITYMED', ...fields.origin },
    transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
    fileBytes: fields.fileBytes ?? 1000,
    dataSetOffset: 300,
    sha256: fields.sha256 ?? 'ab'.repeat(32),
    receivedAt: fields.receivedAt ?? 1_000,
    integrity: 'complete',
  };
}
