import type { AssociationHistory } from '../../core/ports/association-history.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';

/** What the admin listener reads of the index. */
export type AdminIndex = Pick<
  StudyIndex,
  'listStudies' | 'findStudy' | 'findRemovals' | 'totals' | 'listSeries' | 'describeStudy' | 'conflicts'
>;

/** What it reads of past Associations. */
export type AdminAssociations = Pick<AssociationHistory, 'list'>;
