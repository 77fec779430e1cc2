import { parseCustomerKey } from '../core/study/instance.ts';
import { PRODUCTS } from '../core/study/study.ts';
import type { DeliveryState, Product, StudyQuery, StudyRecord, StudyState } from '../core/study/study.ts';
import { HttpProblem } from './errors.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const MAX_TEXT_LENGTH = 128;
const MAX_CURSOR_LENGTH = 512;
const STUDY_STATES: readonly StudyState[] = ['receiving', 'stable'];
const DELIVERY_STATES: readonly DeliveryState[] = ['pending', 'created', 'attention'];

/**
 * Reads the query of `GET /api/studies`: `limit`, `cursor`, `customer`, `state`, `delivery`, `q`.
 * @throws HttpProblem 400 naming the parameter.
 */
export function parseStudyQuery(parameters: URLSearchParams): StudyQuery {
  const limit = readLimit(parameters);
  const cursor = readOne(parameters, 'cursor');
  if (cursor !== undefined && (cursor === '' || cursor.length > MAX_CURSOR_LENGTH)) throw badCursor();
  const customerText = readOne(parameters, 'customer');
  const customer = parseCustomerKey(customerText ?? '');
  if (customerText !== undefined && customer === undefined)
    throw badParameter('customer', 'must be the key of a customer, such as city-medical');
  const state = readChoice(parameters, 'state', STUDY_STATES);
  const delivery = readChoice(parameters, 'delivery', DELIVERY_STATES);
  const text = readOne(parameters, 'q')?.trim();
  if (text !== undefined && text.length > MAX_TEXT_LENGTH)
    throw badParameter('q', `must have at most ${MAX_TEXT_LENGTH} characters`);
  return {
    limit,
    ...(cursor !== undefined && { cursor }),
    ...(customer !== undefined && { customers: [customer] }),
    ...(state !== undefined && { state }),
    ...(delivery !== undefined && { delivery }),
    ...(text !== undefined && text !== '' && { text }),
  };
}

/** A study as `GET /api/studies` shows it: no patient data. */
export function presentStudy(study: StudyRecord) {
  return {
    customer: study.key.customer,
    studyInstanceUid: study.key.studyInstanceUid,
    state: study.state,
    instances: study.instances,
    bytes: study.bytes,
    firstReceivedAt: new Date(study.firstReceivedAt).toISOString(),
    lastReceivedAt: new Date(study.lastReceivedAt).toISOString(),
    avara: study.deliveries.map(
      ({ product, state, studyId, attempts, lastError, isCancelled, isChangePending }) => ({
        product,
        state,
        studyId: studyId ?? null,
        attempts,
        lastError: lastError ?? null,
        ...(isCancelled === true && { isCancelled }),
        ...(isChangePending === true && { isChangePending }),
      }),
    ),
    ...(study.disagreements !== undefined && { disagreements: study.disagreements }),
  };
}

/** The query parameter `product`, if it is there. @throws HttpProblem 400 */
export function readProduct(parameters: URLSearchParams): Product | undefined {
  return readChoice(parameters, 'product', PRODUCTS);
}

/** How many entries a page may have. @throws HttpProblem 400 */
export function readLimit(parameters: URLSearchParams): number {
  const limit = readOne(parameters, 'limit') ?? String(DEFAULT_LIMIT);
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LIMIT)
    throw badParameter('limit', `must be a whole number from 1 to ${MAX_LIMIT}`);
  return Number(limit);
}

/** The value of a parameter that may be given once. @throws HttpProblem 400 when it is given more often. */
export function readOne(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name);
  if (values.length > 1) throw badParameter(name, 'must be given once');
  return values[0];
}

/** The 400 for a query parameter. @param expectation follows its name: `must be …`. */
export function badParameter(name: string, expectation: string): HttpProblem {
  return new HttpProblem(400, { code: 'bad-parameter', detail: `Query parameter "${name}" ${expectation}.` });
}

/** The 400 for a member of a JSON body. @param expectation follows its name: `must be …`. */
export function badMember(name: string, expectation: string): HttpProblem {
  return new HttpProblem(400, { code: 'bad-parameter', detail: `"${name}" ${expectation}.` });
}

/** The 400 for a cursor that the index does not know. */
export function badCursor(): HttpProblem {
  return badParameter('cursor', 'must be the "cursor" of the page before');
}

/** One of `choices`, where the parameter is given. @throws HttpProblem 400 */
export function readChoice<T extends string>(
  parameters: URLSearchParams,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = readOne(parameters, name);
  const choice = choices.find((one) => one === text);
  if (text !== undefined && choice === undefined) throw badParameter(name, `must be ${choices.join(' or ')}`);
  return choice;
}
