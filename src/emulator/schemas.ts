import { z } from 'zod';

/** Longest `studyDescription`, name or similar by default: DICOM's LO, as longer values are not known to be accepted. */
export const DEFAULT_MAX_TEXT_LENGTH = 64;

const MAX_UID_LENGTH = 64;
const UID_PATTERN = /^(0|[1-9][0-9]*)([.](0|[1-9][0-9]*))+$/;
const MAX_METADATA_PAIRS = 50;
const MAX_METADATA_KEY_LENGTH = 100;
const MAX_METADATA_VALUE_LENGTH = 1000;
const MAX_LIST_ITEMS = 50;
const MAX_NOTE_LENGTH = 1000;

const id = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9a-f]{32}$`), `must be ${prefix}_ and 32 hexadecimal characters`);

export const studyIdSchema = id('stu');
export const userIdSchema = id('usr');
export const customerIdSchema = id('cus');
export const studyInstanceUidSchema = z
  .string()
  .max(MAX_UID_LENGTH)
  .regex(UID_PATTERN, 'must be a valid DICOM UID');

const severitySchema = z.enum(['normal', 'high', 'stat']);
const nonEmpty = z.string().min(1);

export const metadataSchema = z
  .record(z.string().min(1).max(MAX_METADATA_KEY_LENGTH), z.string().max(MAX_METADATA_VALUE_LENGTH))
  .refine((map) => Object.keys(map).length <= MAX_METADATA_PAIRS, `at most ${MAX_METADATA_PAIRS} pairs`);

const calendarDate = z.iso.date();
const timeOfDay = z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, 'must be HH:MM, 24 hours');

const priorReportSchema = z.strictObject({
  reportText: nonEmpty,
  externalStudyId: nonEmpty.optional(),
  modality: nonEmpty.optional(),
  studyDate: calendarDate.optional(),
  studyDescription: nonEmpty.optional(),
});
export type PriorReport = z.infer<typeof priorReportSchema>;

const technologistNotesSchema = z.array(z.string().min(1).max(MAX_NOTE_LENGTH)).max(MAX_LIST_ITEMS);
const priorReportsSchema = z.array(priorReportSchema).max(MAX_LIST_ITEMS);

/** Fields of StudyReportMetadata; `text` is the schema for names and other short strings. */
const reportMetadataFields = (text: z.ZodString) => ({
  patientName: text,
  dateOfBirth: calendarDate,
  sex: z.enum(['male', 'female', 'other']),
  age: text,
  height: z.strictObject({ value: z.number().positive(), unit: z.enum(['in', 'cm']) }),
  weight: z.strictObject({ value: z.number().positive(), unit: z.enum(['lbs', 'kg']) }),
  mrn: text,
  facilityName: text,
  referringPhysicianName: text,
  procedure: text,
  studyDate: calendarDate,
  studyTime: timeOfDay,
});

const reportMetadataSchema = (text: z.ZodString) => z.strictObject(reportMetadataFields(text)).partial();
export type ReportMetadata = z.infer<ReturnType<typeof reportMetadataSchema>>;

const reportMetadataPatchSchema = (text: z.ZodString) => {
  const fields = reportMetadataFields(text);
  return z
    .strictObject({
      patientName: fields.patientName.nullable(),
      dateOfBirth: fields.dateOfBirth.nullable(),
      sex: fields.sex.nullable(),
      age: fields.age.nullable(),
      height: fields.height.nullable(),
      weight: fields.weight.nullable(),
      mrn: fields.mrn.nullable(),
      facilityName: fields.facilityName.nullable(),
      referringPhysicianName: fields.referringPhysicianName.nullable(),
      procedure: fields.procedure.nullable(),
      studyDate: fields.studyDate.nullable(),
      studyTime: fields.studyTime.nullable(),
    })
    .partial();
};
export type ReportMetadataPatch = z.infer<ReturnType<typeof reportMetadataPatchSchema>>;

/** Free text that AutoScribe takes as a string or null. */
const clinicalTextFields = {
  modality: nonEmpty.nullable().optional(),
  externalPatientId: nonEmpty.nullable().optional(),
  clinicalIndication: nonEmpty.nullable().optional(),
  clinicalHistory: nonEmpty.nullable().optional(),
  technologistTechnique: nonEmpty.nullable().optional(),
};

/**
 * Schemas of the study request bodies. All are strict: unknown fields are refused.
 * @param maxTextLength longest short text in characters, such as `studyDescription`, names and `mrn`.
 */
export function createStudySchemas(maxTextLength: number) {
  const text = z.string().min(1).max(maxTextLength);
  const createFields = {
    studyInstanceUid: studyInstanceUidSchema,
    studyDescription: text,
    severity: severitySchema,
    expressCustomerId: customerIdSchema.optional(),
    assignedTo: userIdSchema.optional(),
    metadata: metadataSchema.optional(),
  };
  const updateFields = {
    assignedTo: userIdSchema.optional(),
    severity: severitySchema.optional(),
    studyDescription: text.optional(),
    metadata: metadataSchema.nullable().optional(),
  };
  return {
    viewerCreate: z.strictObject(createFields),
    autoScribeCreate: z.strictObject({
      ...createFields,
      ...clinicalTextFields,
      reportMetadata: reportMetadataSchema(text),
      technologistNotes: technologistNotesSchema.optional(),
      priorReports: priorReportsSchema.optional(),
    }),
    viewerUpdate: z.strictObject({
      ...updateFields,
      studyViewerStatus: z.enum(['incomplete', 'complete']).optional(),
    }),
    autoScribeUpdate: z.strictObject({
      ...updateFields,
      ...clinicalTextFields,
      expressCustomerId: customerIdSchema.optional(),
      technologistNotes: technologistNotesSchema.nullable().optional(),
      priorReports: priorReportsSchema.nullable().optional(),
      reportMetadata: reportMetadataPatchSchema(text).optional(),
    }),
  };
}
export type StudySchemas = ReturnType<typeof createStudySchemas>;
export type ViewerCreate = z.infer<StudySchemas['viewerCreate']>;
export type AutoScribeCreate = z.infer<StudySchemas['autoScribeCreate']>;
export type ViewerUpdate = z.infer<StudySchemas['viewerUpdate']>;
export type AutoScribeUpdate = z.infer<StudySchemas['autoScribeUpdate']>;

const referenceFields = {
  studyId: studyIdSchema.optional(),
  studyInstanceUid: studyInstanceUidSchema.optional(),
};
const namesOneStudy = (body: { studyId?: string | undefined; studyInstanceUid?: string | undefined }) =>
  (body.studyId === undefined) !== (body.studyInstanceUid === undefined);
const ONE_STUDY = 'send exactly one of studyId and studyInstanceUid';

/** A study named by id or by UID. */
export const studyReferenceSchema = z.strictObject(referenceFields).refine(namesOneStudy, ONE_STUDY);
export type StudyReference = z.infer<typeof studyReferenceSchema>;
export const autoScribeRerouteSchema = z
  .strictObject({ ...referenceFields, assignedToUserId: userIdSchema })
  .refine(namesOneStudy, ONE_STUDY);
export const viewerOnlyRerouteSchema = z
  .strictObject({ ...referenceFields, userId: userIdSchema.optional() })
  .refine(namesOneStudy, ONE_STUDY);

/** An empty query value stands for null. */
const nullable = <T extends z.ZodType>(schema: T) =>
  z.union([z.literal('').transform(() => null), schema]).optional();
const booleanText = z.enum(['true', 'false']).transform((text) => text === 'true');
const pageFields = {
  limit: z
    .string()
    .regex(/^[0-9]{1,3}$/)
    .transform(Number)
    .pipe(z.number().int().min(1).max(100))
    .default(20),
  cursor: z.string().optional(),
};
export const pageQuerySchema = z.strictObject(pageFields);

const listFields = {
  ...pageFields,
  assignedTo: nullable(userIdSchema),
  expressCustomerId: nullable(customerIdSchema),
  isCancelled: nullable(booleanText),
  severity: severitySchema.optional(),
  studyDescription: nonEmpty.optional(),
};
const reportStatusSchema = z.enum(['unassigned', 'assigned', 'in_progress', 'completed', 'addendum_active']);
export const viewerListSchema = z.strictObject({
  ...listFields,
  studyViewerStatus: z.enum(['incomplete', 'complete']).optional(),
});
export const autoScribeListSchema = z.strictObject({
  ...listFields,
  studyReportStatus: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(reportStatusSchema).min(1))
    .optional(),
  studyType: z.enum(['standard', 'external']).optional(),
});
export type ListQuery = z.infer<typeof viewerListSchema> | z.infer<typeof autoScribeListSchema>;

export const customerCreateSchema = z.strictObject({
  expressCustomerName: nonEmpty,
  metadata: metadataSchema.optional(),
});
export const customerUpdateSchema = z.strictObject({
  expressCustomerName: nonEmpty.optional(),
  metadata: metadataSchema.nullable().optional(),
});
export const customerUserSchema = z.strictObject({ userId: userIdSchema });
