import { z } from 'zod';

/** Logging: `log`. */
export const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('Least severe level that is logged.'),
  })
  .prefault({})
  .describe('Logging (JSON lines on standard output).');
