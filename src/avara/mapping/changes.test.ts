import { describe, expect, it } from 'vitest';
import { studyRecord } from '../../../test/support/study-records.ts';
import type { StudyAttributes } from '../../core/study/header.ts';
import type { AvaraCustomer } from '../customers.ts';
import { mapStudy } from '../mappers.ts';
import { mapChanges } from './changes.ts';

const customer: AvaraCustomer = {
  expressCustomerId: `cus_${'0'.repeat(32)}`,
  products: ['viewer', 'autoScribe'],
  severity: 'normal',
  avara: { baseUrl: 'https://avara.example', apiKey: 'sk_live_x' },
};
const bodyOf = (product: 'viewer' | 'autoScribe', attributes: StudyAttributes, modalities = ['CT']) =>
  mapStudy(studyRecord({ attributes, modalities }), product, customer);

const FIRST = { PatientName: 'Doe^Jane', PatientID: 'P1', PatientSex: 'F', StudyDescription: 'CT HEAD' };

describe('mapChanges', () => {
  it('is nothing where nothing that Avara was told is different', () => {
    for (const product of ['viewer', 'autoScribe'] as const)
      expect(mapChanges(product, bodyOf(product, FIRST), bodyOf(product, FIRST))).toBeUndefined();
    const corrected = { ...FIRST, PatientName: 'Roe^Jane' };
    expect(mapChanges('viewer', bodyOf('viewer', FIRST), bodyOf('viewer', corrected))).toBeUndefined();
  });

  it('is what is different, with null for what is gone', () => {
    const rest = { PatientName: 'Roe^Jane', PatientID: 'P2', StudyDescription: 'CT HEAD' };
    expect(mapChanges('autoScribe', bodyOf('autoScribe', FIRST), bodyOf('autoScribe', rest))).toEqual({
      externalPatientId: `${customer.expressCustomerId}:P2`,
      reportMetadata: { patientName: 'Jane Roe', mrn: 'P2', sex: null },
    });
  });

  it('sends metadata whole and leaves out what Avara cannot change', () => {
    const more = { ...FIRST, AccessionNumber: 'A1', StudyDescription: 'CT HEAD AND NECK' };
    expect(mapChanges('viewer', bodyOf('viewer', FIRST), bodyOf('viewer', more))).toEqual({
      studyDescription: 'CT HEAD AND NECK',
      metadata: { accessionNumber: 'A1', source: 'dimse', sourceAeTitle: 'CT1', calledAeTitle: 'CITYMED' },
    });
    const moved = { ...bodyOf('viewer', FIRST), expressCustomerId: `cus_${'9'.repeat(32)}` };
    expect(mapChanges('viewer', bodyOf('viewer', FIRST), moved)).toBeUndefined();
  });

  it('tells AutoScribe of a new modality', () => {
    expect(
      mapChanges('autoScribe', bodyOf('autoScribe', FIRST), bodyOf('autoScribe', FIRST, ['CT', 'PT'])),
    ).toEqual({ modality: 'CT/PT' });
  });
});
