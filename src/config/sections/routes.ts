import { z } from 'zod';
import { addressRange, aeTitle, customerRef } from './values.ts';

/** One entry of `routes`. */
export const routeSchema = z
  .strictObject({
    calledAe: aeTitle.describe('AE title that the modality calls. Upper and lower case differ.'),
    callingAe: z
      .array(aeTitle)
      .min(1, 'must name at least one AE title; leave "callingAe" out to admit any')
      .optional()
      .describe('Only these calling AE titles; left out: any.'),
    from: z
      .array(addressRange)
      .min(1, 'must name at least one address; leave "from" out to admit any')
      .optional()
      .describe('Only peers with these addresses or CIDR blocks; left out: any.'),
    customer: customerRef,
  })
  .describe(
    'Maps a sender to a customer. The most specific route wins; none means the Association is rejected.',
  );
