import { readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { z } from 'zod';
import { EmulatorError } from './errors.ts';
import { PRODUCTS } from './model.ts';
import type { EmulatorSnapshot } from './state.ts';

const VERSION = 1;

const text = z.string();
const record = z.record(text, text);
const reportMetadata = z
  .strictObject({
    patientName: text,
    dateOfBirth: text,
    sex: z.enum(['male', 'female', 'other']),
    age: text,
    height: z.strictObject({ value: z.number(), unit: z.enum(['in', 'cm']) }),
    weight: z.strictObject({ value: z.number(), unit: z.enum(['lbs', 'kg']) }),
    mrn: text,
    facilityName: text,
    referringPhysicianName: text,
    procedure: text,
    studyDate: text,
    studyTime: text,
  })
  .partial();
const priorReport = z.strictObject({
  reportText: text,
  externalStudyId: text.optional(),
  modality: text.optional(),
  studyDate: text.optional(),
  studyDescription: text.optional(),
});

const studyBase = {
  studyId: text,
  studyInstanceUid: text,
  studyDescription: text,
  severity: z.enum(['normal', 'high', 'stat']),
  isCancelled: z.boolean(),
  cancelledAt: text.nullable(),
  createdAt: text,
  updatedAt: text,
  assignedTo: text.nullable(),
  createdByApiKeyId: text,
  expressCustomerId: text.nullable(),
  metadata: record,
};
const fileSchema = z.strictObject({
  notice: text,
  version: z.literal(VERSION),
  studies: z.array(
    z.discriminatedUnion('product', [
      z.strictObject({
        ...studyBase,
        product: z.literal('viewer'),
        studyViewerStatus: z.enum(['incomplete', 'complete']),
      }),
      z.strictObject({
        ...studyBase,
        product: z.literal('autoScribe'),
        studyType: z.enum(['standard', 'external']),
        reportMetadata,
        modality: text.nullable(),
        externalPatientId: text.nullable(),
        clinicalIndication: text.nullable(),
        clinicalHistory: text.nullable(),
        technologistTechnique: text.nullable(),
        technologistNotes: z.array(text),
        priorReports: z.array(priorReport),
        reportIds: z.array(
          z.strictObject({
            reportId: text,
            status: z.enum(['in_progress', 'completed']),
            isCritical: z.boolean().nullable(),
          }),
        ),
      }),
    ]),
  ),
  customers: z.array(
    z.strictObject({
      expressCustomerId: text,
      expressCustomerName: text,
      isActive: z.boolean(),
      userIds: z.array(text),
      createdAt: text,
      updatedAt: text,
      createdByApiKeyId: text.nullable(),
      metadata: record,
    }),
  ),
  creates: z.array(
    z.strictObject({
      expressCustomerId: text.nullable(),
      product: z.enum(PRODUCTS),
      studyInstanceUid: text,
      requested: z.int(),
      created: z.int(),
    }),
  ),
});

/** Reads a state file. @returns undefined where there is none yet. @throws EmulatorError where it is not one of ours. */
export function loadStateFile(path: string): EmulatorSnapshot | undefined {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new EmulatorError(`cannot read the emulator's state file ${path}`, { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw new EmulatorError(`the emulator's state file ${path} is not JSON; move it away to start afresh`, {
      cause: error,
    });
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    throw new EmulatorError(
      `the emulator's state file ${path} was written by something else; move it away to start afresh`,
      { cause: parsed.error },
    );
  }
  const { studies, customers, creates } = parsed.data;
  return { studies, customers, creates };
}

/** Writes snapshots to one file, the latest one always, several changes at a time. */
export interface StateFileWriter {
  /** Notes that there is something to write. */
  changed(): void;
  /** Resolves once everything noted so far is in the file. @throws the write's error. */
  saved(): Promise<void>;
}

/** @param takeSnapshot called at the moment of writing. */
export function createStateFileWriter(path: string, takeSnapshot: () => EmulatorSnapshot): StateFileWriter {
  let isDirty = false;
  let running: Promise<void> | undefined;

  async function write(): Promise<void> {
    const temporary = `${path}.tmp`;
    const document = {
      notice: 'State of the Avara emulator, not of Avara',
      version: VERSION,
      ...takeSnapshot(),
    };
    isDirty = false;
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(document));
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      isDirty = true;
      await rm(temporary, { force: true });
      throw error;
    }
  }

  return {
    changed() {
      isDirty = true;
    },
    async saved() {
      // A write under way may have taken its snapshot before the change that is waited for.
      await running?.catch(() => undefined);
      if (isDirty && running === undefined) {
        running = write().finally(() => {
          running = undefined;
        });
      }
      await running;
    },
  };
}
