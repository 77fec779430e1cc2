import { CursorError } from '../../core/ports/study-index.ts';
import { badCursor } from '../study-list.ts';

/** A cursor is the index's own text; one that it cannot read was made up or cut. @throws HttpProblem 400 */
export function withGoodCursor<Page>(list: () => Page): Page {
  try {
    return list();
  } catch (error) {
    if (error instanceof CursorError) throw badCursor();
    throw error;
  }
}
