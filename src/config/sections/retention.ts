import { z } from 'zod';
import { count } from './values.ts';

const days = z.number().min(0).max(36_500);
const byteCount = count(0, Number.MAX_SAFE_INTEGER);

const ageRules = {
  afterDays: days
    .nullable()
    .default(null)
    .describe('Days after which a study goes, counted from its last image; null: not by that.'),
  afterConfirmedDays: days
    .nullable()
    .default(null)
    .describe(
      'Days after which a study goes, counted from Avara’s confirmation; with "afterDays", both must have passed. null: not by that.',
    ),
};

/** `retention` of a customer. */
export const customerRetention = z
  .strictObject({
    afterDays: days.nullable().optional().describe('As in the top-level "retention".'),
    afterConfirmedDays: days.nullable().optional().describe('As in the top-level "retention".'),
    maxBytes: byteCount
      .nullable()
      .optional()
      .describe('What the studies of this customer may take; above it the oldest go. null: any amount.'),
    exempt: z.boolean().default(false).describe('Nothing of this customer is removed, for whatever reason.'),
  })
  .describe('What is kept of this customer, where that differs.');

/** Which studies are removed: `retention`. */
export const retention = z
  .strictObject({
    ...ageRules,
    maxBytes: byteCount
      .nullable()
      .default(null)
      .describe('What all studies may take; above it the oldest go. null: any amount.'),
    freeSpace: z
      .strictObject({
        lowBytes: byteCount.describe('Free space below which the oldest studies go.'),
        highBytes: byteCount.describe('Until so much is free.'),
      })
      .nullable()
      .default(null)
      .describe('Removes studies when the disk gets full; null: never.'),
    minimumDays: days
      .default(1)
      .describe('For want of space no study goes that received something within so many days.'),
    committedDays: days
      .nullable()
      .default(365)
      .describe(
        'For so long after storage commitment was given for a study it stays; null: for ever. See the conformance statement.',
      ),
    filesPerSecond: z
      .number()
      .min(0.1)
      .max(100_000)
      .default(200)
      .describe('Most files deleted in a second; while images come in, deletion rests.'),
    checkIntervalMinutes: z
      .number()
      .min(0.01)
      .max(1440)
      .default(15)
      .describe('How often it is looked for studies that are to go.'),
  })
  .prefault({})
  .describe(
    'Which studies are removed from here, the oldest first. Off unless set. What Avara has not confirmed is never removed.',
  );
