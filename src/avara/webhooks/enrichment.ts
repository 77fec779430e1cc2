import { z } from 'zod';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { ReportRecords } from '../../core/ports/report-records.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { StudyRecord } from '../../core/study/study.ts';
import type { AvaraCustomers } from '../customers.ts';
import { mapAutoScribeStudy } from '../mappers.ts';
import type { ReportMetadata } from '../mappers.ts';
import { parseMembers } from './event.ts';
import type { EventHandler, VerifiedEvent } from './event.ts';
import { recordHandOut } from './hand-out.ts';
import { studiesOfUid } from './studies-of-uid.ts';

export interface EnrichmentHandlerOptions {
  readonly index: Pick<StudyIndex, 'findStudyByAvaraId' | 'findStudiesByUid' | 'listStudies'>;
  readonly reports: Pick<ReportRecords, 'ofStudy'>;
  readonly customers: AvaraCustomers;
  readonly audit: AuditTrail;
  readonly logger: Logger;
}

/** Prior reports sent along; Avara takes 50, and the newest matter. */
const MAX_PRIOR_REPORTS = 10;
/** Studies of a patient that are looked at for reports. */
const MAX_STUDIES_OF_PATIENT = 200;

const text = z.string().max(4096).optional();
const patientStudySchema = z.object({
  studyInstanceUid: z.string().min(1).max(200),
  accessionNumber: text,
  patientId: text,
});
const clinicalContextSchema = z.object({
  studyId: z.string().min(1).max(200),
  studyInstanceUid: z.string().min(1).max(200),
  externalPatientId: text,
  mrn: text,
});

/** Nothing to add: every member of these answers is optional. */
const NOTHING = {};

/** Answers `patient_study.enrichment_requested`: what the images here say of a study that Avara's PACS brought in. */
export function createPatientStudyHandler(options: EnrichmentHandlerOptions): EventHandler {
  const { customers } = options;
  return function answerPatientStudy(event: VerifiedEvent): unknown {
    const asked = parseMembers(patientStudySchema, event.data, event.type);
    const study = findByUid(options, event, asked.studyInstanceUid);
    const customer = study && customers.get(study.key.customer);
    if (study === undefined || customer === undefined) return decline(options, event, asked.studyInstanceUid);
    const { PatientID, AccessionNumber } = study.attributes;
    if (contradicts(asked.patientId, PatientID) || contradicts(asked.accessionNumber, AccessionNumber))
      return decline(options, event, asked.studyInstanceUid, 'patient or accession number differ');
    const { reportMetadata, externalPatientId, studyDescription, severity } = mapAutoScribeStudy(
      study,
      customer,
    );
    // The age is not among what this answer takes.
    const demographics: Partial<ReportMetadata> = { ...reportMetadata };
    Reflect.deleteProperty(demographics, 'age');
    record(options, event, study, 'demographics');
    return {
      ...demographics,
      ...(externalPatientId === undefined ? {} : { externalPatientId }),
      studyDescription,
      severity,
      expressCustomerId: customer.expressCustomerId,
    };
  };
}

/** Answers `clinical_context.enrichment_requested`: indication, and reports of the patient's earlier studies. */
export function createClinicalContextHandler(options: EnrichmentHandlerOptions): EventHandler {
  const { index, reports, customers } = options;

  function priorReports(study: StudyRecord): readonly object[] {
    const { PatientID, IssuerOfPatientID } = study.attributes;
    if (PatientID === undefined || PatientID === '') return [];
    const page = index.listStudies({
      limit: MAX_STUDIES_OF_PATIENT,
      customers: [study.key.customer],
      text: PatientID,
    });
    const others = page.studies.filter(
      ({ key, attributes }) =>
        key.studyInstanceUid !== study.key.studyInstanceUid &&
        attributes.PatientID === PatientID &&
        attributes.IssuerOfPatientID === IssuerOfPatientID,
    );
    return others
      .flatMap((other) => {
        const customer = customers.get(other.key.customer);
        if (customer === undefined) return [];
        const { modality, studyDescription, reportMetadata } = mapAutoScribeStudy(other, customer);
        const studyId = other.deliveries.find(({ product }) => product === 'autoScribe')?.studyId;
        return reports.ofStudy(other.key).flatMap(({ plainText }) =>
          plainText === undefined || plainText.trim() === ''
            ? []
            : {
                reportText: plainText,
                ...(studyId === undefined ? {} : { externalStudyId: studyId }),
                ...(modality === undefined ? {} : { modality }),
                ...(reportMetadata.studyDate === undefined ? {} : { studyDate: reportMetadata.studyDate }),
                studyDescription,
              },
        );
      })
      .slice(0, MAX_PRIOR_REPORTS);
  }

  return function answerClinicalContext(event: VerifiedEvent): unknown {
    const asked = parseMembers(clinicalContextSchema, event.data, event.type);
    // This event alone gives the id as a bare UUID.
    const studyId = `stu_${asked.studyId.replaceAll('-', '').toLowerCase()}`;
    const byId = index.findStudyByAvaraId(studyId)?.study;
    const isOurs = byId !== undefined && event.customers.has(byId.key.customer);
    const study =
      isOurs && byId.key.studyInstanceUid === asked.studyInstanceUid
        ? byId
        : findByUid(options, event, asked.studyInstanceUid);
    const customer = study && customers.get(study.key.customer);
    if (study === undefined || customer === undefined) return decline(options, event, asked.studyInstanceUid);
    if (contradicts(asked.mrn, study.attributes.PatientID))
      return decline(options, event, asked.studyInstanceUid, 'patient differs');
    const { clinicalIndication } = mapAutoScribeStudy(study, customer);
    const priors = priorReports(study);
    record(options, event, study, `clinical context, ${priors.length} prior reports`);
    return {
      ...(clinicalIndication === undefined ? {} : { clinicalIndication }),
      ...(priors.length === 0 ? {} : { priorReports: priors }),
    };
  };
}

/** The only study with this UID that the signer may see. */
function findByUid(
  { index }: EnrichmentHandlerOptions,
  event: VerifiedEvent,
  studyInstanceUid: string,
): StudyRecord | undefined {
  const visible = studiesOfUid(index, studyInstanceUid).filter(({ key }) =>
    event.customers.has(key.customer),
  );
  return visible.length === 1 ? visible[0] : undefined;
}

/** Whether two values that are both there differ: then they are of two patients, and nothing may be said. */
function contradicts(asked: string | undefined, known: string | undefined): boolean {
  const [one, other] = [asked?.trim() ?? '', known?.trim() ?? ''];
  return one !== '' && other !== '' && one !== other;
}

function record(
  options: EnrichmentHandlerOptions,
  event: VerifiedEvent,
  study: StudyRecord,
  detail: string,
): void {
  const { customer, studyInstanceUid } = study.key;
  recordHandOut(event, { name: 'enrichment.answered', customer, studyInstanceUid, detail }, options);
}

function decline(
  options: EnrichmentHandlerOptions,
  event: VerifiedEvent,
  studyInstanceUid: string,
  detail = 'not one study here',
): object {
  recordHandOut(event, { name: 'enrichment.declined', studyInstanceUid, detail }, options);
  return NOTHING;
}
