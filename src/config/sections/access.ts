import { z } from 'zod';
import { count, customerRef, seconds, secret } from './values.ts';

/** One entry of `access.tokens`. */
export const accessTokenSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w.@-]{1,64}$/, 'must be 1 to 64 letters, digits, ".", "_", "@" or "-"')
      .describe('Who holds it; appears in the audit trail.'),
    token: secret.describe('Bearer token for DICOMweb.'),
    customers: z
      .array(customerRef)
      .min(1, 'must name at least one customer')
      .describe('Whose studies it opens.'),
    rights: z
      .array(z.enum(['read', 'write']))
      .min(1, 'must name at least one right: "read", "write"')
      .refine((rights) => new Set(rights).size === rights.length, 'must name each right once')
      .default(['read'])
      .describe('"read": search, retrieve and open studies; "write": store them (STOW-RS).'),
  })
  .describe('A bearer token for DICOMweb, scoped to customers.');

/** Who may read images: `access`. */
export const access = z
  .strictObject({
    urlLifetimeSeconds: seconds(1, 86_400)
      .default(3600)
      .describe('How long the object URLs of one study answer are good for.'),
    keyRotationDays: count(1, 3650)
      .default(30)
      .describe(
        'A new key signs object URLs after so many days; old ones verify until their last URL has expired.',
      ),
    tokens: z.array(accessTokenSchema).default([]).describe('Bearer tokens for DICOMweb.'),
  })
  .prefault({})
  .describe('Who may read images.');
