import { z } from 'zod';
import { count, seconds } from './values.ts';

/** DICOMweb: `dicomWeb`. */
export const dicomWeb = z
  .strictObject({
    maxResults: count(1, 100_000)
      .default(10_000)
      .describe('Results in one answer to a search (QIDO-RS); the rest can be asked for with "offset".'),
    maxStoreRequests: count(1, 1024)
      .default(16)
      .describe('Store requests (STOW-RS) worked on at once; further ones are answered 503 and come again.'),
    storeIdleTimeoutSeconds: seconds(1, 110)
      .default(60)
      .describe('How long the sender of a store request may be silent before it is given up.'),
  })
  .prefault({})
  .describe('DICOMweb, on the public listener.');
