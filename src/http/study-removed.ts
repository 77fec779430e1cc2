import type { RemovalRecord } from '../core/ports/removals.ts';
import { HttpProblem } from './errors.ts';

/** The 410 for a study whose images were here once (RFC 9110 15.5.11). Whose it is now is not told. */
export function studyRemoved({ why, removedAt }: RemovalRecord): HttpProblem {
  const day = new Date(removedAt).toISOString().slice(0, 10);
  const how = why === 'moved' ? 'belongs to another customer' : 'was removed by the rules of retention';
  return new HttpProblem(410, {
    code: 'study-removed',
    detail: `The images of this study are no longer here: it ${how} (${day}).`,
  });
}
