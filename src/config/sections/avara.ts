import { z } from 'zod';
import { apiKey, count, httpUrl, seconds, webhookSecret } from './values.ts';

/** Avara’s API: `avara`. */
export const avara = z
  .strictObject({
    baseUrl: httpUrl.default('https://api.avarasoftware.com').describe('Where Avara’s API is.'),
    apiKey: apiKey.optional(),
    webhookSecret: webhookSecret.optional(),
    requestTimeoutSeconds: seconds(1, 600).default(60).describe('How long one API call may take.'),
    concurrency: count(1, 64).default(4).describe('API calls made at once.'),
    customerCheckMinutes: z
      .number()
      .min(0.01)
      .max(1440)
      .default(15)
      .describe('How often Avara is asked whether each customer exists and is active.'),
  })
  .prefault({})
  .describe('Avara’s API; customers without an "avara" of their own use this key and secret.');
