import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { createControlRoutes } from './control-routes.ts';
import { createCustomerRoutes } from './customer-routes.ts';
import { createEphemeralRoutes } from './ephemeral-routes.ts';
import type { EventDesk } from './event-desk.ts';
import type { EmulatorEnv } from './env.ts';
import { ApiError } from './errors.ts';
import { createFaultMiddleware } from './fault-middleware.ts';
import type { FaultInjector } from './faults.ts';
import type { ApiKey, Product } from './model.ts';
import { PRODUCTS } from './model.ts';
import { renderFrontPage, SERVER_NAME } from './html-pages.ts';
import { createStudyRoutes } from './study-routes.ts';
import { createReportRoutes } from './report-routes.ts';
import type { ReportDesk } from './report-desk.ts';
import type { Directory } from './study-reply.ts';
import type { OnDuplicate } from './studies.ts';
import { createStudyRules } from './studies.ts';
import type { EmulatedViewer } from './viewer.ts';

const MAX_BODY_BYTES = 8 * 1024 * 1024;

export interface EmulatorAppOptions {
  readonly directory: Directory;
  readonly faults: FaultInjector;
  readonly viewer: EmulatedViewer;
  readonly reportDesk: ReportDesk;
  readonly eventDesk: EventDesk;
  readonly onDuplicate: OnDuplicate;
  readonly expressEnabled: boolean;
  readonly acceptDocumentationNames: boolean;
  readonly maxTextLength: number;
  readonly createStatus: 200 | 201;
  readonly now: () => number;
  readonly stopping: () => AbortSignal;
  /** Resolves once all changes so far would survive a restart. */
  readonly saved: () => Promise<void>;
  readonly reset: () => void;
}

function productOf(path: string): Product | null {
  return PRODUCTS.find((product) => path.startsWith(`/v1/${product}/`)) ?? null;
}

/** The emulator's HTTP application, without a listener. */
export function createEmulatorApp(options: EmulatorAppOptions): Hono<EmulatorEnv> {
  const { directory, faults, now } = options;
  const { state, users } = directory;
  const apiKeys = new Map<string, ApiKey>(directory.apiKeys.map((apiKey) => [apiKey.key, apiKey]));
  const rules = createStudyRules({ ...options, state, users });
  const app = new Hono<EmulatorEnv>();

  app.onError((error, c) => {
    if (error instanceof ApiError) {
      const { message, issues } = error;
      return c.json(issues.length > 0 ? { message, issues } : { message }, error.status);
    }
    return c.json({ message: `The emulator failed: ${error.message}` }, 500);
  });
  app.notFound((c) => c.json({ message: `No such endpoint: ${c.req.method} ${c.req.path}` }, 404));

  app.use(async function nameServer(c, next) {
    await next();
    c.res.headers.set('Server', SERVER_NAME);
  });
  app.get('/', (c) => c.html(renderFrontPage(state)));

  app.use('/v1/*', async function logRequest(c, next) {
    const { method, path } = c.req;
    const entry = state.logRequest({ method, path, product: productOf(path) });
    c.set('logEntry', entry);
    await next();
    const hasReply = !c.res.headers.has('x-hono-already-sent');
    entry.status = hasReply ? c.res.status : null;
  });
  app.use('/v1/*', createFaultMiddleware(options));
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) => c.json({ message: `Request body is longer than ${MAX_BODY_BYTES} bytes` }, 413),
    }),
  );
  app.use('/v1/*', async function authenticate(c, next) {
    const [, token = ''] = /^Bearer (\S+)$/.exec(c.req.header('authorization') ?? '') ?? [];
    const apiKey = apiKeys.get(token);
    if (apiKey === undefined) throw new ApiError(401, 'Missing or invalid API key');
    c.set('apiKey', apiKey);
    c.get('logEntry').apiKeyId = apiKey.apiKeyId;
    await next();
  });
  app.use(async function saveChanges(c, next) {
    await next();
    if (c.req.method !== 'GET') await options.saved();
  });

  for (const product of PRODUCTS) {
    app.route(`/v1/${product}/studies`, createStudyRoutes({ ...options, product, rules }));
    app.route(`/v1/${product}/ephemeral-sessions`, createEphemeralRoutes({ directory }));
  }
  app.route('/v1/autoScribe/reports', createReportRoutes({ ...options, rules }));
  app.route(
    '/v1/express',
    createCustomerRoutes({ state, users, expressEnabled: options.expressEnabled, now }),
  );
  app.route('/__emulator', createControlRoutes({ ...options, faults }));
  return app;
}
