import { z } from 'zod';
import { count } from './values.ts';

/** The data folder’s disk: `storage`. */
export const storage = z
  .strictObject({
    reserveBytes: count(0, Number.MAX_SAFE_INTEGER)
      .default(1_073_741_824)
      .describe('Free space below which nothing more is accepted (senders are told "out of resources").'),
    scrub: z
      .strictObject({
        everyDays: z
          .number()
          .min(0.000_01)
          .max(3650)
          .default(30)
          .describe('Every stored object is read once in so many days, as far as the pace allows.'),
        maxBytesPerSecond: count(10_000, 10_000_000_000)
          .default(10_000_000)
          .describe('Most that it reads in a second; 10 MB/s are 26 TB in 30 days.'),
      })
      .nullable()
      .prefault({})
      .describe(
        'The background check: stored objects are read again and compared with what was acknowledged, slowly, and not while images come in. null: off.',
      ),
  })
  .prefault({})
  .describe('The data folder’s disk.');
