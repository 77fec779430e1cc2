import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { studyRecord } from '../../../test/support/study-records.ts';
import type { AvaraCustomer } from '../customers.ts';
import { mapAutoScribeStudy, mapViewerStudy } from '../mappers.ts';
import { FIELD_TABLE, renderFieldTable } from './field-table.ts';
import { withLegacyNames } from './legacy-names.ts';

const customer: AvaraCustomer = {
  expressCustomerId: `cus_${'0'.repeat(32)}`,
  products: ['viewer', 'autoScribe'],
  severity: 'normal',
  facilityName: 'City Medical Center',
  avara: { baseUrl: 'https://avara.example', apiKey: 'sk_live_x' },
};

describe('the field table', () => {
  it('is the one in docs/avara.md', () => {
    const page = readFileSync(new URL('../../../docs/avara.md', import.meta.url), 'utf8');
    const [, shown] = /<!-- field table -->\n([^]*?)<!-- end of field table -->/.exec(page) ?? [];
    expect(shown?.trim(), 'run: npx tsx scripts/write-avara-docs.ts').toBe(renderFieldTable().trim());
  });

  it('names each field once', () => {
    const fields = FIELD_TABLE.map(({ field }) => field);
    expect(new Set(fields).size).toBe(fields.length);
  });

  it('sends what the customer’s settings say', () => {
    const study = studyRecord({
      attributes: { InstitutionName: 'North', RequestedProcedurePriority: 'STAT' },
      modalities: ['MR'],
    });
    const own: AvaraCustomer = {
      ...customer,
      assignedTo: `usr_${'1'.repeat(32)}`,
      metadata: { region: 'north' },
      modalityNames: { MR: 'MRI' },
    };
    const body = mapAutoScribeStudy(study, own);
    expect(body).toMatchObject({
      severity: 'stat',
      assignedTo: own.assignedTo,
      modality: 'MRI',
      metadata: { region: 'north', source: 'dimse', sourceAeTitle: 'CT1' },
      reportMetadata: { facilityName: 'North' },
    });
    const overriding: AvaraCustomer = { ...own, override: ['severity', 'facilityName'] };
    expect(mapAutoScribeStudy(study, overriding)).toMatchObject({
      severity: 'normal',
      reportMetadata: { facilityName: 'City Medical Center' },
    });
  });

  it('keeps what is of the patient out of the viewer’s body', () => {
    const body = mapViewerStudy(
      studyRecord({ attributes: { PatientName: 'Doe^Jane', PatientID: 'P1' } }),
      customer,
    );
    expect(Object.keys(body).sort()).toEqual([
      'expressCustomerId',
      'metadata',
      'severity',
      'studyDescription',
      'studyInstanceUid',
    ]);
  });
});

describe('withLegacyNames', () => {
  it('renames what Avara’s documentation calls otherwise, and nothing else', () => {
    const body = {
      studyInstanceUid: '1.2',
      studyDescription: 'CT',
      reportMetadata: { studyDate: '2026-01-05', studyTime: '09:41', procedure: 'CT', sex: 'male' },
    };
    expect(withLegacyNames(body)).toEqual({
      studyUid: '1.2',
      studyDescription: 'CT',
      reportMetadata: { scanDate: '2026-01-05', scanTime: '09:41', scanType: 'CT', sex: 'male' },
    });
  });
});
