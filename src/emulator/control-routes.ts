import { Hono } from 'hono';
import { z } from 'zod';
import type { EmulatorEnv } from './env.ts';
import { ApiError } from './errors.ts';
import type { EventDesk } from './event-desk.ts';
import type { FaultInjector } from './faults.ts';
import { faultRuleSchema } from './faults.ts';
import { PRODUCTS } from './model.ts';
import { renderOpenedPage } from './html-pages.ts';
import { readBody } from './read-request.ts';
import type { ReportDesk } from './report-desk.ts';
import type { Directory } from './study-reply.ts';
import type { EmulatedViewer } from './viewer.ts';
import { MISBEHAVIOURS } from './webhook-sender.ts';

const timeoutMs = z.number().min(1).max(600_000);

const signingSchema = z.discriminatedUnion('scheme', [
  z.strictObject({ scheme: z.literal('avara-headers'), key: z.enum(['whole-secret', 'decoded-secret']) }),
  z.strictObject({ scheme: z.literal('standard-webhooks') }),
]);

const openSchema = z.strictObject({
  studyId: z.string().optional(),
  /** In place of `studyId`: the newest study of this product with this UID. */
  product: z.enum(PRODUCTS).optional(),
  studyInstanceUid: z.string().optional(),
  options: z
    .strictObject({
      signing: signingSchema.optional(),
      misbehaviour: z.enum(MISBEHAVIOURS).optional(),
      replay: z.boolean().optional(),
      eventId: z.string().optional(),
      studyInstanceUid: z.string().optional(),
      webhookUrl: z.url().optional(),
      webhookTimeoutMs: timeoutMs.optional(),
      fetchFiles: z.boolean().optional(),
      concurrency: z.int().min(1).max(100).optional(),
      fileTimeoutMs: timeoutMs.optional(),
    })
    .default({}),
});

const deliverSchema = z.strictObject({
  studyId: z.string(),
  options: z
    .strictObject({
      isCritical: z.boolean().optional(),
      plainText: z.string().optional(),
      signing: signingSchema.optional(),
      misbehaviour: z.enum(MISBEHAVIOURS).optional(),
      reportId: z.string().optional(),
      linkLifetimeMs: z.number().min(0).max(3_600_000).optional(),
      revision: z.string().optional(),
      eventId: z.string().optional(),
      webhookUrl: z.url().optional(),
      webhookTimeoutMs: timeoutMs.optional(),
    })
    .default({}),
});

const eventSchema = z.strictObject({
  type: z.string().min(1),
  data: z.record(z.string(), z.unknown()),
  apiKey: z.string().optional(),
  eventId: z.string().optional(),
  signing: signingSchema.optional(),
  misbehaviour: z.enum(MISBEHAVIOURS).optional(),
  webhookUrl: z.url().optional(),
  webhookTimeoutMs: timeoutMs.optional(),
});

const addFaultsSchema = z.union([faultRuleSchema, z.array(faultRuleSchema).min(1)]);

export interface ControlRoutesOptions {
  readonly directory: Directory;
  readonly faults: FaultInjector;
  readonly viewer: EmulatedViewer;
  readonly reportDesk: ReportDesk;
  readonly eventDesk: EventDesk;
  readonly reset: () => void;
}

/** The emulator's own endpoints, to be mounted at `/__emulator`. Avara has nothing like them; they need no key. */
export function createControlRoutes(options: ControlRoutesOptions): Hono<EmulatorEnv> {
  const { directory, faults, viewer, reportDesk, eventDesk, reset } = options;
  const { state } = directory;
  const app = new Hono<EmulatorEnv>();

  app.get('/state', (c) =>
    c.json({
      notice: 'State of the Avara emulator, not of Avara',
      studies: state.studies(),
      customers: state.customers(),
      creates: state.creates(),
      faults: faults.list(),
      requests: state.requests(),
    }),
  );

  app.post('/reset', (c) => {
    reset();
    return c.json({ success: true });
  });

  app.get('/faults', (c) => c.json({ faults: faults.list() }));
  app.post('/faults', async (c) => {
    const body = await readBody(c, addFaultsSchema);
    const ids = (Array.isArray(body) ? body : [body]).map((rule) => faults.add(rule));
    return c.json({ ids }, 201);
  });
  app.delete('/faults', (c) => {
    faults.clear();
    return c.json({ success: true });
  });
  app.delete('/faults/:id', (c) => {
    if (!faults.remove(Number(c.req.param('id')))) throw new ApiError(404, 'No such fault rule');
    return c.json({ success: true });
  });

  app.post('/viewer/open', async (c) => {
    const { studyId, product, studyInstanceUid, options: open } = await readBody(c, openSchema);
    const found =
      product === undefined || studyInstanceUid === undefined
        ? undefined
        : state.findStudiesByUid(product, studyInstanceUid).at(-1)?.studyId;
    const wanted = studyId ?? found;
    if (wanted === undefined)
      throw new ApiError(404, 'Name a study by studyId, or by product and studyInstanceUid');
    return c.json(await viewer.openStudy(wanted, open));
  });

  app.get('/studies/:studyId/open', async (c) =>
    c.html(renderOpenedPage(await viewer.openStudy(c.req.param('studyId')))),
  );

  /** Where the URLs of the reroute calls lead. */
  app.get('/open/:token', async (c) => {
    const studyId = state.resolveLink(c.req.param('token'));
    if (studyId === undefined) throw new ApiError(404, 'This link is unknown or has expired');
    return c.html(renderOpenedPage(await viewer.openStudy(studyId)));
  });

  app.post('/reports/deliver', async (c) => {
    const { studyId, options: deliver } = await readBody(c, deliverSchema);
    return c.json(await reportDesk.deliver(studyId, deliver));
  });

  /** Any event, such as the enrichment ones, which no call of the API gives rise to. */
  app.post('/events/send', async (c) => c.json(await eventDesk.send(await readBody(c, eventSchema))));

  /** Where the URLs of ephemeral sessions lead. */
  app.get('/sessions/:token', async (c) => {
    const subject = state.resolveLink(c.req.param('token'));
    if (subject?.startsWith('ret:') !== true)
      throw new ApiError(404, 'This session is unknown or has expired');
    return c.json(await eventDesk.openEphemeral({ retrievalId: subject.slice(4) }));
  });

  app.get('/reports/:token', (c) =>
    c.body(new Uint8Array(reportDesk.openPdf(c.req.param('token'))), 200, {
      'content-type': 'application/pdf',
    }),
  );

  return app;
}
