import type { Product, StudyRecord } from '../core/study/study.ts';
import type { AvaraCustomer, Severity } from './customers.ts';
import { FIELD_TABLE } from './mapping/field-table.ts';
import type { Measure } from './mapping/measures.ts';
import { studyContext } from './mapping/study-context.ts';

/** Avara's `StudyReportMetadata`, with the names of its SDK. Patient data: never log it. */
export interface ReportMetadata {
  readonly patientName?: string;
  /** `YYYY-MM-DD`. */
  readonly dateOfBirth?: string;
  readonly sex?: 'male' | 'female' | 'other';
  readonly age?: string;
  readonly height?: Measure<'cm'>;
  readonly weight?: Measure<'kg'>;
  readonly mrn?: string;
  readonly facilityName?: string;
  readonly referringPhysicianName?: string;
  readonly procedure?: string;
  /** `YYYY-MM-DD`, local to the place of the study. */
  readonly studyDate?: string;
  /** `HH:MM`, local to the place of the study. */
  readonly studyTime?: string;
}

/** Body of `POST /v1/viewer/studies`: nothing of the patient. */
export interface ViewerStudyBody {
  readonly studyInstanceUid: string;
  readonly studyDescription: string;
  readonly severity: Severity;
  readonly expressCustomerId: string;
  readonly assignedTo?: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Body of `POST /v1/autoScribe/studies`. Patient data: never log it. */
export interface AutoScribeStudyBody extends ViewerStudyBody {
  readonly reportMetadata: ReportMetadata;
  readonly modality?: string;
  readonly externalPatientId?: string;
  readonly clinicalIndication?: string;
  readonly clinicalHistory?: string;
}

export type StudyBody = ViewerStudyBody | AutoScribeStudyBody;

/** What a create call says of a study, by the field table; nothing empty is in it. */
export function mapStudy(study: StudyRecord, product: Product, customer: AvaraCustomer): StudyBody {
  return product === 'viewer' ? mapViewerStudy(study, customer) : mapAutoScribeStudy(study, customer);
}

export function mapViewerStudy(study: StudyRecord, customer: AvaraCustomer): ViewerStudyBody {
  return assemble(study, 'viewer', customer, {}) as unknown as ViewerStudyBody;
}

export function mapAutoScribeStudy(study: StudyRecord, customer: AvaraCustomer): AutoScribeStudyBody {
  // Required, also where there is nothing to say.
  const body = assemble(study, 'autoScribe', customer, { reportMetadata: {} });
  return body as unknown as AutoScribeStudyBody;
}

function assemble(
  study: StudyRecord,
  product: Product,
  customer: AvaraCustomer,
  body: Record<string, unknown>,
): Record<string, unknown> {
  const context = studyContext(study, customer);
  for (const rule of FIELD_TABLE) {
    const value = rule.products.includes(product) ? rule.value(context) : undefined;
    if (value === undefined) continue;
    const [name = '', member] = rule.field.split('.');
    if (member === undefined) body[name] = value;
    else {
      const members = member === '*' ? (value as object) : { [member]: value };
      body[name] = { ...(body[name] as object | undefined), ...members };
    }
  }
  return body;
}

/** Members of a create body that identify no patient and that an operator wants to read in a message. */
const OPEN_MEMBERS: ReadonlySet<string> = new Set([
  'studyInstanceUid',
  'expressCustomerId',
  'assignedTo',
  'severity',
  'modality',
  'sex',
  'unit',
  'source',
  'sourceAeTitle',
  'calledAeTitle',
]);

/**
 * Values of a study that may identify the patient, names also word by word: an error message that repeats one must
 * not reach the log or the status page.
 */
export function privateValues(study: StudyRecord, customer: AvaraCustomer): readonly string[] {
  const { PatientName, ReferringPhysicianName, PatientBirthDate } = study.attributes;
  const words = [PatientName, ReferringPhysicianName].flatMap((name) => name?.split(/[\s^=\\]+/) ?? []);
  return [...textMembers(mapAutoScribeStudy(study, customer)), ...words, PatientBirthDate ?? ''].filter(
    (value) => value !== '',
  );
}

function textMembers(value: object): string[] {
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    if (OPEN_MEMBERS.has(name)) return [];
    if (typeof member === 'string') return [member];
    return typeof member === 'object' && member !== null ? textMembers(member) : [];
  });
}
