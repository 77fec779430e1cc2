import { Hono } from 'hono';
import type { Context } from 'hono';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { SearchAnswer, StudySearch } from '../../core/ports/study-search.ts';
import { queryAttribute } from '../../core/query/attributes.ts';
import type { Condition } from '../../core/query/conditions.ts';
import type { Found, QueryLevel } from '../../core/query/found.ts';
import { parseSearch } from '../../core/query/parse-search.ts';
import { QueryError } from '../../core/query/query-error.ts';
import type { SearchRequest } from '../../core/query/search-query.ts';
import { parseUid } from '../../dicom/uid.ts';
import { HttpProblem } from '../errors.ts';
import { negotiateFor } from './accept.ts';
import type { DicomWebEnv } from './env.ts';
import { recordHandOut } from './hand-out.ts';
import { createResultForm } from './search-json.ts';
import { createMultipartXml } from './search-xml.ts';

export interface SearchRoutesOptions {
  readonly index: Pick<StudyIndex, 'findStudiesByUid'>;
  readonly search: StudySearch;
  readonly audit: AuditTrail;
  /** Results in one answer, whatever was asked for. */
  readonly maxResults: number;
}

/** One of the six resources of PS3.18 10.6. */
interface Resource {
  readonly path: string;
  readonly level: QueryLevel;
  readonly within: 'all' | 'study' | 'series';
}

const RESOURCES: readonly Resource[] = [
  { path: '/studies', level: 'study', within: 'all' },
  { path: '/series', level: 'series', within: 'all' },
  { path: '/instances', level: 'instance', within: 'all' },
  { path: '/studies/:study/series', level: 'series', within: 'study' },
  { path: '/studies/:study/instances', level: 'instance', within: 'study' },
  { path: '/studies/:study/series/:series/instances', level: 'instance', within: 'series' },
];

const OFFERS = [
  { mediaType: 'application/dicom+json', isMultipart: false },
  { mediaType: 'application/json', isMultipart: false },
  { mediaType: 'application/dicom+xml', isMultipart: true },
] as const;

/** Results made into text between two turns of the event loop. */
const TURN = 200;
const COUNTED: Readonly<Record<QueryLevel, string>> = {
  study: 'studies',
  series: 'series',
  instance: 'instances',
};

/** The Search transaction (QIDO-RS, PS3.18 10.6) on all of its resources. */
export function createSearchRoutes(options: SearchRoutesOptions): Hono<DicomWebEnv> {
  const app = new Hono<DicomWebEnv>();
  for (const resource of RESOURCES) app.get(resource.path, (c) => answerSearch(c, resource, options));
  return app;
}

async function answerSearch(
  c: Context<DicomWebEnv>,
  { level, within }: Resource,
  { index, search, audit, maxResults }: SearchRoutesOptions,
): Promise<Response> {
  const { scope } = c.var;
  const { offer } = negotiateFor(c, OFFERS);
  const request = readRequest(c, level);
  const limit = Math.min(request.limit ?? maxResults, maxResults);
  const place = placeOf(c, index);
  const answer: SearchAnswer =
    place === undefined
      ? { found: [], rest: 'none' }
      : await search.search({
          level,
          customers: scope.customers,
          conditions: {
            ...request.conditions,
            study: [...place.study, ...request.conditions.study],
            series: [...place.series, ...request.conditions.series],
          },
          limit,
          offset: request.offset,
        });
  recordHandOut(audit, c, {
    event: 'dicomweb.searched',
    ...(scope.customers.length === 1 && { customer: scope.customers[0] }),
    ...(place?.studyUid !== undefined && { studyInstanceUid: place.studyUid }),
    counts: { [COUNTED[level]]: answer.found.length },
  });
  const headers = warningHeaders(scope.serviceUrl, warningsOf(request, answer, maxResults));
  if (answer.found.length === 0) return new Response(null, { status: 204, headers });
  const toJson = createResultForm({
    level,
    include: request.include,
    within,
    serviceUrlOf: ({ study }) =>
      // A study's UID alone could be that of another customer's.
      scope.customers.length === 1 ? scope.serviceUrl : `${scope.serviceUrl}/customers/${study.customer}`,
  });
  if (offer.isMultipart) {
    const { contentType, write, end } = createMultipartXml();
    headers.set('Content-Type', contentType);
    return new Response((await written(answer.found, (found) => write(toJson(found)))).join('') + end, {
      headers,
    });
  }
  headers.set('Content-Type', offer.mediaType);
  const texts = await written(answer.found, (found) => JSON.stringify(toJson(found)));
  return new Response(`[${texts.join(',')}]`, { headers });
}

/** @throws HttpProblem 400 */
function readRequest(c: Context<DicomWebEnv>, level: QueryLevel): SearchRequest {
  try {
    return parseSearch(new URL(c.req.url).searchParams, level);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw new HttpProblem(400, { code: 'bad-query', detail: error.message });
  }
}

/**
 * What the path and the token narrow a search to; undefined: to nothing at all.
 * @throws HttpProblem 409 where several of the scope's customers have the path's study: their studies are never mixed.
 */
function placeOf(
  c: Context<DicomWebEnv>,
  index: SearchRoutesOptions['index'],
): { study: readonly Condition[]; series: readonly Condition[]; studyUid?: string } | undefined {
  const { scope } = c.var;
  const [studyText, seriesText] = [c.req.param('study'), c.req.param('series')];
  const study: Condition[] = scope.study === undefined ? [] : [uidCondition('StudyInstanceUID', scope.study)];
  if (studyText === undefined) return { study, series: [] };
  const studyUid = parseUid(studyText);
  if (studyUid === undefined) return undefined;
  const owners = index.findStudiesByUid(studyUid).filter(({ key }) => scope.customers.includes(key.customer));
  if (owners.length > 1)
    throw new HttpProblem(409, {
      code: 'several-customers',
      detail: 'Several customers have this study. Ask below /dicom-web/customers/<key> for one of them.',
    });
  study.push(uidCondition('StudyInstanceUID', studyUid));
  if (seriesText === undefined) return { study, series: [], studyUid };
  const seriesUid = parseUid(seriesText);
  if (seriesUid === undefined) return undefined;
  return { study, series: [uidCondition('SeriesInstanceUID', seriesUid)], studyUid };
}

function uidCondition(keyword: string, uid: string): Condition {
  const attribute = queryAttribute(keyword);
  if (attribute === undefined) throw new Error(`searches do not know ${keyword}`);
  return { kind: 'uids', attribute, uids: new Set([uid]) };
}

function warningsOf(
  { warnings, limit }: SearchRequest,
  { rest }: SearchAnswer,
  maxResults: number,
): readonly string[] {
  const isCut = rest === 'limit' && (limit === undefined || limit > maxResults);
  return [
    ...warnings,
    ...(isCut
      ? [
          'The number of results exceeded the maximum supported by the server. Additional results can be requested.',
        ]
      : []),
    ...(rest === 'work'
      ? ['The search was ended before everything was looked at. Narrow it by date, patient or UID.']
      : []),
  ];
}

/** PS3.18 8.3.4: `Warning: 299 <service>: <text>`. */
function warningHeaders(serviceUrl: string, warnings: readonly string[]): Headers {
  const headers = new Headers();
  for (const warning of warnings) headers.append('Warning', `299 ${serviceUrl}: ${warning}`);
  return headers;
}

/** Makes text of results, and lets others have their turn meanwhile. */
async function written(found: readonly Found[], write: (found: Found) => string): Promise<string[]> {
  const texts: string[] = [];
  for (const one of found) {
    if (texts.length > 0 && texts.length % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    texts.push(write(one));
  }
  return texts;
}
