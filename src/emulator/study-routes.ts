import { Hono } from 'hono';
import { renameDocumentationFields } from './documentation-names.ts';
import type { EmulatorEnv } from './env.ts';
import type { Product } from './model.ts';
import { pageOf } from './paging.ts';
import { readBody, readQuery, readSegment } from './read-request.ts';
import {
  autoScribeListSchema,
  autoScribeRerouteSchema,
  createStudySchemas,
  studyIdSchema,
  studyInstanceUidSchema,
  studyReferenceSchema,
  viewerListSchema,
  viewerOnlyRerouteSchema,
} from './schemas.ts';
import type { Directory } from './study-reply.ts';
import { toStudyReply } from './study-reply.ts';
import type { StudyRules } from './studies.ts';

const LINK_LIFETIME_MS = 10 * 60_000;

export interface StudyRoutesOptions {
  readonly product: Product;
  readonly rules: StudyRules;
  readonly directory: Directory;
  /** Longest short text in characters. */
  readonly maxTextLength: number;
  /** Take the field names that only the documentation shows. */
  readonly acceptDocumentationNames: boolean;
  /** Status of a successful create; the real one is unknown. */
  readonly createStatus: 200 | 201;
}

/** The study endpoints of one product, to be mounted at `/v1/{product}/studies`. */
export function createStudyRoutes(options: StudyRoutesOptions): Hono<EmulatorEnv> {
  const { product, rules, directory } = options;
  const schemas = createStudySchemas(options.maxTextLength);
  const prepare = options.acceptDocumentationNames ? renameDocumentationFields : undefined;
  const app = new Hono<EmulatorEnv>();

  app.post('/', async (c) => {
    const apiKey = c.get('apiKey');
    const study =
      product === 'viewer'
        ? rules.createViewer(apiKey, await readBody(c, schemas.viewerCreate, prepare))
        : rules.createAutoScribe(apiKey, await readBody(c, schemas.autoScribeCreate, prepare));
    return c.json(toStudyReply(study, directory), options.createStatus);
  });

  app.get('/', (c) => {
    const query = readQuery(c, product === 'viewer' ? viewerListSchema : autoScribeListSchema);
    const { items, cursor, hasMore } = pageOf(rules.list(c.get('apiKey'), product, query), query);
    return c.json({ studies: items.map((study) => toStudyReply(study, directory)), cursor, hasMore });
  });

  app.get('/by-uid/:studyInstanceUid', (c) => {
    const uid = readSegment(studyInstanceUidSchema, 'studyInstanceUid', c.req.param('studyInstanceUid'));
    return c.json(toStudyReply(rules.getByUid(c.get('apiKey'), product, uid), directory));
  });

  app.get('/:studyId', (c) => {
    const studyId = readSegment(studyIdSchema, 'studyId', c.req.param('studyId'));
    return c.json(toStudyReply(rules.get(c.get('apiKey'), product, studyId), directory));
  });

  app.patch('/:studyId', async (c) => {
    const apiKey = c.get('apiKey');
    const studyId = readSegment(studyIdSchema, 'studyId', c.req.param('studyId'));
    const study = rules.get(apiKey, product, studyId);
    const updated =
      product === 'viewer'
        ? rules.updateViewer(study, await readBody(c, schemas.viewerUpdate, prepare))
        : rules.updateAutoScribe(apiKey, study, await readBody(c, schemas.autoScribeUpdate, prepare));
    return c.json(toStudyReply(updated, directory));
  });

  for (const [path, isCancelled] of [
    ['/cancel', true],
    ['/uncancel', false],
  ] as const) {
    app.post(path, async (c) => {
      const reference = await readBody(c, studyReferenceSchema, prepare);
      const study = rules.getReferenced(c.get('apiKey'), product, reference);
      if (rules.setCancelled(study, isCancelled)) return c.json({ success: true });
      return c.json({ success: false, message: `Study is ${isCancelled ? 'already' : 'not'} cancelled` });
    });
  }

  const linkTo = (requestUrl: string, studyId: string) =>
    `${new URL(requestUrl).origin}/__emulator/open/${directory.state.createLink(studyId, LINK_LIFETIME_MS)}`;

  app.post('/reroute-url', async (c) => {
    const schema = product === 'viewer' ? studyReferenceSchema : autoScribeRerouteSchema;
    const study = rules.getReferenced(c.get('apiKey'), product, await readBody(c, schema, prepare));
    return c.json({ url: linkTo(c.req.url, study.studyId) });
  });

  if (product === 'autoScribe') {
    app.post('/viewer-only-reroute-url', async (c) => {
      const reference = await readBody(c, viewerOnlyRerouteSchema, prepare);
      const study = rules.getReferenced(c.get('apiKey'), product, reference);
      return c.json({ url: linkTo(c.req.url, study.studyId) });
    });
  }

  return app;
}
