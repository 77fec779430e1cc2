import { z } from 'zod';
import { PRODUCTS } from '../../core/study/study.ts';
import { reports } from './reports.ts';
import { customerRetention } from './retention.ts';
import { apiKey, filePath, httpUrl, webhookSecret } from './values.ts';

/** Metadata that every study gets from its images; see avara/mapping/field-table.ts. */
const RESERVED_METADATA = ['accessionNumber', 'studyId', 'source', 'sourceAeTitle', 'calledAeTitle'] as const;

const avaraUserId = z
  .string()
  .regex(
    /^usr_[0-9a-fA-F]{32}$/,
    'must be "usr_" and 32 hexadecimal digits, as the Avara dashboard shows it',
  );

/** One entry of `customers`. */
export const customer = z
  .strictObject({
    expressCustomerId: z
      .string()
      .regex(
        /^cus_[0-9a-fA-F]{32}$/,
        'must be "cus_" and 32 hexadecimal digits, as the Avara dashboard shows it',
      )
      .describe('Avara’s id of this Express customer.'),
    products: z
      .array(z.enum(PRODUCTS))
      .min(1, 'must name at least one product: "viewer", "autoScribe"')
      .refine((list) => new Set(list).size === list.length, 'must name each product once')
      .default(['viewer'])
      .describe('Avara products that each study of this customer is created in.'),
    severity: z
      .enum(['normal', 'high', 'stat'])
      .default('normal')
      .describe('Severity of studies whose images state none.'),
    facilityName: z
      .string()
      .trim()
      .min(1, 'must not be empty')
      .max(200)
      .optional()
      .describe('Facility name for studies whose images have no Institution Name.'),
    override: z
      .array(z.enum(['severity', 'facilityName']))
      .default([])
      .describe('Which of this customer’s settings win over what the images say.'),
    assignedTo: avaraUserId.optional().describe('Avara user that new studies are assigned to.'),
    metadata: z
      .record(
        z.string().min(1).max(100),
        z.string().min(1, 'must not be empty').max(1000, 'must have at most 1000 characters'),
      )
      .refine((pairs) => Object.keys(pairs).length <= 40, 'must have at most 40 pairs')
      .refine(
        (pairs) => RESERVED_METADATA.every((name) => !(name in pairs)),
        `must not use the names that are taken from the images: ${RESERVED_METADATA.join(', ')}`,
      )
      .optional()
      .describe('Fixed pairs of text that each study of this customer carries at Avara.'),
    modalityNames: z
      .record(
        z.string().regex(/^[A-Z0-9_]{1,16}$/, 'must be a Modality such as "MR"'),
        z.string().min(1).max(32),
      )
      .optional()
      .describe('What AutoScribe is told for a DICOM Modality, for example {"MR": "MRI"}.'),
    reports: reports.optional(),
    retention: customerRetention.optional(),
    worklistFile: filePath
      .optional()
      .describe(
        'JSON file with the worklist items that Avara is told when a modality asks; left out: no worklist is offered.',
      ),
    openAs: avaraUserId
      .optional()
      .describe('Avara user that AutoScribe studies are opened as, where a link names none.'),
    legacyFieldNames: z
      .boolean()
      .default(false)
      .describe(
        'Send the older field names of Avara’s documentation (studyUid, scanDate, scanTime, scanType).',
      ),
    avara: z
      .strictObject({
        baseUrl: httpUrl.optional().describe('Where Avara’s API is, for this customer.'),
        apiKey: apiKey.optional(),
        webhookSecret: webhookSecret.optional(),
      })
      .optional()
      .describe('Overrides of the top-level "avara" for this customer.'),
  })
  .describe('One Avara Express customer.');
