import { z } from 'zod';
import { seconds } from './values.ts';

/** When a study counts as complete: `studies`. */
export const studies = z
  .strictObject({
    stableAfterSeconds: seconds(0, 86_400)
      .default(30)
      .describe('A study is stable, and goes to Avara, once nothing new arrived for so long.'),
    stableAfterReleaseSeconds: seconds(0, 86_400)
      .default(10)
      .describe(
        'The same once every Association that brought the study was released; never longer than stableAfterSeconds.',
      ),
  })
  .prefault({})
  .describe('When a study counts as complete.');
