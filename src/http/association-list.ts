import { ASSOCIATION_OUTCOMES } from '../core/ports/association-history.ts';
import type {
  AssociationHistory,
  AssociationQuery,
  AssociationRecord,
} from '../core/ports/association-history.ts';
import { CursorError } from '../core/ports/study-index.ts';
import { parseAeTitle } from '../dicom/ae-title.ts';
import type { AeTitle } from '../dicom/ae-title.ts';
import { badCursor, badParameter, readChoice, readLimit, readOne } from './study-list.ts';

const MAX_CURSOR_LENGTH = 64;

/**
 * The answer of `GET /api/associations`: past Associations and rejected attempts, latest first; query `limit`, `cursor`,
 * `outcome`, `callingAe`, `calledAe`.
 * @throws HttpProblem 400 naming the parameter.
 */
export function listAssociations(history: Pick<AssociationHistory, 'list'>, parameters: URLSearchParams) {
  const query = parseAssociationQuery(parameters);
  try {
    const { associations, cursor } = history.list(query);
    return { associations: associations.map(presentAssociation), cursor: cursor ?? null };
  } catch (error) {
    if (error instanceof CursorError) throw badCursor();
    throw error;
  }
}

/** An Association as the admin API shows it. */
export function presentAssociation(record: AssociationRecord) {
  const { startedAt, endedAt, callingAeTitle, calledAeTitle, customer, lastError, ...rest } = record;
  return {
    ...rest,
    callingAeTitle: callingAeTitle ?? null,
    calledAeTitle: calledAeTitle ?? null,
    customer: customer ?? null,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: new Date(endedAt).toISOString(),
    lastError: lastError ?? null,
  };
}

/** Reads the query of `GET /api/associations`. @throws HttpProblem 400 naming the parameter. */
export function parseAssociationQuery(parameters: URLSearchParams): AssociationQuery {
  const limit = readLimit(parameters);
  const cursor = readOne(parameters, 'cursor');
  if (cursor !== undefined && (cursor === '' || cursor.length > MAX_CURSOR_LENGTH)) throw badCursor();
  const outcome = readChoice(parameters, 'outcome', ASSOCIATION_OUTCOMES);
  const callingAeTitle = readAeTitle(parameters, 'callingAe');
  const calledAeTitle = readAeTitle(parameters, 'calledAe');
  return {
    limit,
    ...(cursor !== undefined && { cursor }),
    ...(outcome !== undefined && { outcome }),
    ...(callingAeTitle !== undefined && { callingAeTitle }),
    ...(calledAeTitle !== undefined && { calledAeTitle }),
  };
}

function readAeTitle(parameters: URLSearchParams, name: string): AeTitle | undefined {
  const text = readOne(parameters, name);
  const title = parseAeTitle(text ?? '');
  if (text !== undefined && title === undefined) throw badParameter(name, 'must be an AE title');
  return title;
}
