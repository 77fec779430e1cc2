import { describe, expect, it } from 'vitest';
import { studyRecord } from '../../test/support/study-records.ts';
import type { StudyAttributes } from '../core/study/header.ts';
import type { AvaraCustomer } from './customers.ts';
import { mapAutoScribeStudy, mapStudy, mapViewerStudy, privateValues } from './mappers.ts';

const CUS = 'cus_0123456789abcdef0123456789abcdef';
const customer: AvaraCustomer = {
  expressCustomerId: CUS,
  products: ['viewer', 'autoScribe'],
  severity: 'normal',
  facilityName: 'City Medical Center',
  avara: { baseUrl: 'https://avara.example', apiKey: 'sk_live_x' },
};

const FULL: StudyAttributes = {
  PatientName: 'Silva^Ana^Maria',
  PatientID: 'P-77',
  PatientBirthDate: '19790228',
  PatientSex: 'F',
  PatientSize: '1.68',
  PatientWeight: '71.5',
  StudyDate: '20260105',
  StudyTime: '094159',
  StudyDescription: 'CT CHEST W CONTRAST',
  StudyID: 'S1',
  AccessionNumber: 'A1001',
  InstitutionName: 'North Clinic',
  ReferringPhysicianName: 'Wei^Li^^Dr',
  RequestedProcedureDescription: 'CT Chest with contrast',
  ReasonForTheRequestedProcedure: 'cough',
  AdditionalPatientHistory: 'smoker\r\nsince 1999',
};

function attributes(given: StudyAttributes, modalities: readonly string[] = ['CT']) {
  return mapAutoScribeStudy(studyRecord({ attributes: given, modalities }), customer);
}

describe('mapStudy', () => {
  it('tells the viewer nothing of the patient', () => {
    const study = studyRecord({ attributes: FULL });
    expect(mapStudy(study, 'viewer', customer)).toEqual({
      studyInstanceUid: '1.2.3',
      studyDescription: 'CT CHEST W CONTRAST',
      severity: 'normal',
      expressCustomerId: CUS,
      metadata: {
        accessionNumber: 'A1001',
        studyId: 'S1',
        sourceAeTitle: 'CT1',
        calledAeTitle: 'CITYMED',
        source: 'dimse',
      },
    });
  });

  it('tells AutoScribe all that the report needs', () => {
    const study = studyRecord({ attributes: FULL, modalities: ['CT', 'SR'] });
    expect(mapStudy(study, 'autoScribe', customer)).toEqual({
      ...mapViewerStudy(study, customer),
      modality: 'CT',
      externalPatientId: `${CUS}:P-77`,
      clinicalIndication: 'cough',
      clinicalHistory: 'smoker\nsince 1999',
      reportMetadata: {
        patientName: 'Ana Maria Silva',
        dateOfBirth: '1979-02-28',
        sex: 'female',
        age: '46 years',
        height: { value: 168, unit: 'cm' },
        weight: { value: 71.5, unit: 'kg' },
        mrn: 'P-77',
        facilityName: 'North Clinic',
        referringPhysicianName: 'Dr Li Wei',
        procedure: 'CT Chest with contrast',
        studyDate: '2026-01-05',
        studyTime: '09:41',
      },
    });
  });

  it('sends nothing empty where the images say nothing', () => {
    const { expressCustomerId, products, severity, avara } = customer;
    const plain: AvaraCustomer = { expressCustomerId, products, severity, avara };
    const study = studyRecord({ attributes: {}, modalities: [], origin: { source: 'folder' } });
    expect(mapAutoScribeStudy(study, plain)).toEqual({
      studyInstanceUid: '1.2.3',
      studyDescription: 'Imaging study',
      severity: 'normal',
      expressCustomerId: CUS,
      metadata: { source: 'folder' },
      reportMetadata: {},
    });
  });

  it('sends nothing for values that are all space', () => {
    const blank = Object.fromEntries(Object.keys(FULL).map((keyword) => [keyword, ' \0 ']));
    expect(attributes(blank).reportMetadata).toEqual({ facilityName: 'City Medical Center' });
    expect(attributes(blank)).not.toHaveProperty('externalPatientId');
  });
});

describe('studyDescription', () => {
  it.each<[StudyAttributes, readonly string[], string]>([
    [{ StudyDescription: 'A', RequestedProcedureDescription: 'B' }, ['CT'], 'A'],
    [{ RequestedProcedureDescription: 'B', ProtocolName: 'C' }, ['CT'], 'B'],
    [{ RequestAttributesRequestedProcedureDescription: 'B' }, ['CT'], 'B'],
    [{ RequestAttributesScheduledProcedureStepDescription: 'B' }, ['CT'], 'B'],
    [{ ProcedureCodeMeaning: 'B', PerformedProcedureStepDescription: 'C' }, ['CT'], 'B'],
    [{ PerformedProcedureStepDescription: 'B', ProtocolName: 'C' }, ['CT'], 'B'],
    [{ ProtocolName: 'C' }, ['CT'], 'C'],
    [{}, ['CT', 'PT', 'SR'], 'CT/PT study'],
    [{}, ['SR'], 'SR study'],
    [{}, [], 'Imaging study'],
    [{ StudyDescription: '  HEAD\n\tCT ' }, ['CT'], 'HEAD CT'],
    [{ StudyDescription: 'HEAD\\NECK' }, ['CT'], 'HEAD NECK'],
    [{ StudyDescription: '😀'.repeat(40) }, ['CT'], '😀'.repeat(32)],
    [{ StudyDescription: `${'x'.repeat(63)}😀` }, ['CT'], 'x'.repeat(63)],
  ])('of %o with %o is %s', (given, modalities, expected) => {
    expect(attributes(given, modalities).studyDescription).toBe(expected);
  });

  it('stays within 64 characters with very many modalities', () => {
    const many = Array.from({ length: 40 }, (_, index) => `M${index}`);
    const { studyDescription } = attributes({}, many);
    expect(studyDescription.length).toBeLessThanOrEqual(64);
    expect(studyDescription).toMatch(/ study$/);
  });
});

describe('severity', () => {
  it.each<[StudyAttributes, string]>([
    [{ RequestedProcedurePriority: 'STAT' }, 'stat'],
    [{ RequestedProcedurePriority: 'high ' }, 'high'],
    [{ StudyPriorityID: 'HIGH' }, 'high'],
    [{ RequestedProcedurePriority: 'ROUTINE', StudyPriorityID: 'HIGH' }, 'normal'],
    [{ RequestedProcedurePriority: 'LOW' }, 'normal'],
    [{}, 'normal'],
  ])('of %o is %s', (given, expected) => {
    expect(attributes(given).severity).toBe(expected);
  });

  it('is the customer’s own where the study names none', () => {
    expect(mapViewerStudy(studyRecord(), { ...customer, severity: 'high' }).severity).toBe('high');
  });
});

describe('reportMetadata', () => {
  it.each<[StudyAttributes, object]>([
    [{ PatientSex: 'M' }, { sex: 'male' }],
    [{ PatientSex: 'o' }, { sex: 'other' }],
    [{ PatientSex: 'U' }, {}],
    [{ InstitutionalDepartmentName: 'Radiology' }, { facilityName: 'Radiology' }],
    [{ StudyDate: '20260105' }, { studyDate: '2026-01-05' }],
    [
      { SeriesDate: '20260106', SeriesTime: '07' },
      { studyDate: '2026-01-06', studyTime: '07:00' },
    ],
    [{ StudyDate: '20260105', SeriesTime: '0700' }, { studyDate: '2026-01-05' }],
    [
      { StudyDate: '2026', StudyTime: '0900', AcquisitionDate: '20260107', AcquisitionTime: '1000' },
      { studyDate: '2026-01-07', studyTime: '10:00' },
    ],
    [
      { ContentDate: '20260108', ContentTime: '1100' },
      { studyDate: '2026-01-08', studyTime: '11:00' },
    ],
    [{ StudyTime: '0900' }, {}],
    [{ StudyDescription: 'X' }, { procedure: 'X' }],
    [{ ProtocolName: 'X' }, {}],
    [{ PatientAge: '034Y' }, { age: '34 years' }],
    [{ PatientSize: '170', PatientWeight: '0' }, {}],
  ])('of %o is %o', (given, expected) => {
    expect(attributes(given).reportMetadata).toEqual({ facilityName: 'City Medical Center', ...expected });
  });
});

describe('the other AutoScribe members', () => {
  it('keeps patients of other issuers apart', () => {
    const given = { PatientID: 'P-77', IssuerOfPatientID: 'NORTH' };
    expect(attributes(given).externalPatientId).toBe(`${CUS}:NORTH:P-77`);
  });

  it.each<[readonly string[], string | undefined]>([
    [['CT'], 'CT'],
    [['CT', 'PT'], 'CT/PT'],
    [['KO', 'MR', 'PR', 'SEG'], 'MR'],
    [['KO', 'SR'], 'KO/SR'],
    [[], undefined],
  ])('names the modality of %o as %s', (modalities, expected) => {
    expect(attributes({}, modalities).modality).toBe(expected);
  });

  it.each<[StudyAttributes, string | undefined]>([
    [{ ReasonForTheRequestedProcedure: 'a', ReasonForStudy: 'b' }, 'a'],
    [{ RequestAttributesReasonForTheRequestedProcedure: 'b', ReasonForStudy: 'c' }, 'b'],
    [{ ReasonForStudy: 'b', AdmittingDiagnosesDescription: 'c' }, 'b'],
    [{ AdmittingDiagnosesDescription: 'fever\\\\cough' }, 'fever; cough'],
    [{ ReasonForTheRequestedProcedure: ' ' }, undefined],
  ])('takes the clinical indication of %o to be %s', (given, expected) => {
    expect(attributes(given).clinicalIndication).toBe(expected);
  });

  it('cuts metadata to the limit that Avara states', () => {
    const { metadata } = attributes({ AccessionNumber: 'x'.repeat(2_000) });
    expect(metadata.accessionNumber).toHaveLength(1_000);
  });
});

describe('privateValues', () => {
  it('holds what identifies the patient and leaves out what names the work', () => {
    const values = privateValues(studyRecord({ attributes: FULL }), customer);
    expect(values).toEqual(
      expect.arrayContaining([
        'Ana Maria Silva',
        'Silva',
        'P-77',
        '1979-02-28',
        '19790228',
        'A1001',
        'cough',
      ]),
    );
    for (const open of ['1.2.3', CUS, 'CT1', 'normal', 'female', '']) expect(values).not.toContain(open);
  });
});
