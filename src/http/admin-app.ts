import { Hono } from 'hono';
import type { AuditTrail } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { StudyEvents } from '../core/ports/study-events.ts';
import type { LogLevelControl } from '../observability/log-level.ts';
import type { Verifier } from '../core/proof/verifier.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { AdminAssociations, AdminIndex } from './admin/admin-index.ts';
import { createAlertRoutes } from './admin/alert-routes.ts';
import { OPEN_PATHS, createHealthRoutes } from './admin/health-routes.ts';
import { createLogLevelRoutes } from './admin/log-level-routes.ts';
import { createLoginRoutes } from './admin/login-routes.ts';
import { createOperationRoutes } from './admin/operation-routes.ts';
import type { AdminOverview } from './admin/overview.ts';
import { createOverviewRoutes } from './admin/overview-routes.ts';
import { createPageRoutes } from './admin/page-routes.ts';
import { createStudyRoutes } from './admin/study-routes.ts';
import { createVerifyRoutes } from './admin/verify-routes.ts';
import { createAdminAuth } from './admin-auth.ts';
import type { AdminOperations } from './admin-operations.ts';
import { PAGE_HEADERS, renderLoginPage } from './admin-page.ts';
import type { HttpEnv } from './env.ts';
import { HttpProblem, createErrorHandler, handleNotFound } from './errors.ts';
import { createRetentionRoutes, type RetentionRoutesOptions } from './admin/retention-routes.ts';
import { createFileRoutes, type FileRoutesOptions } from './file-routes.ts';

export interface AdminAppOptions {
  readonly index: AdminIndex;
  readonly associations: AdminAssociations;
  readonly overview: AdminOverview;
  readonly events: Pick<StudyEvents, 'ofStudy'>;
  /** Takes down whoever logs in and changes something. */
  readonly audit: AuditTrail;
  readonly operations: AdminOperations;
  /** Watched folders, quarantine and import. Without it their paths are not there. */
  readonly files?: FileRoutesOptions | undefined;
  /** Removal of old studies. Without it its paths are not there. */
  readonly retention?: RetentionRoutesOptions | undefined;
  /** Without it there is no `/api/alerts`. */
  readonly alerts?: Parameters<typeof createAlertRoutes>[0] | undefined;
  /** Without it there is no `/api/log-level`. */
  readonly logLevel?: LogLevelControl | undefined;
  /** Without it there is no `/api/verify`. */
  readonly verifier?: Verifier | undefined;
  readonly registry: Metrics['registry'];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Without one the listener must be bound to loopback, and answers to loopback host names only. */
  readonly token?: string | undefined;
}

/** What the admin listener answers: health, metrics, the API behind the CLI, the status page. A file per family of paths. */
export function createAdminApp(options: AdminAppOptions): Hono<HttpEnv> {
  const { index, associations, overview, events, operations, files, registry, clock, logger, token } =
    options;
  const auth = createAdminAuth({ token, clock, openPaths: OPEN_PATHS });
  const handleError = createErrorHandler(logger);
  const app = new Hono<HttpEnv>();

  app.onError((error, c) => {
    const isPage = c.req.path === '/' && error instanceof HttpProblem && error.status === 401;
    return isPage ? c.html(renderLoginPage(false), 401, PAGE_HEADERS) : handleError(error, c);
  });
  app.notFound(handleNotFound);
  app.use('*', auth.guard);
  app.use('*', async (c, next) => {
    await next();
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store');
  });

  app.route('/', createHealthRoutes({ operations, registry }));
  app.route('/', createOperationRoutes({ associations, operations }));
  app.route('/', createOverviewRoutes({ overview, index, events }));
  app.route('/', createStudyRoutes({ index, operations }));
  if (files !== undefined) app.route('/', createFileRoutes(files));
  if (options.retention !== undefined) app.route('/', createRetentionRoutes(options.retention));
  if (options.alerts !== undefined) app.route('/', createAlertRoutes(options.alerts));
  if (options.logLevel !== undefined) app.route('/', createLogLevelRoutes(options.logLevel));
  if (options.verifier !== undefined) app.route('/', createVerifyRoutes({ verifier: options.verifier }));
  app.route('/', createPageRoutes({ index, operations, clock, hasLogin: auth.needsLogin }));
  app.route('/', createLoginRoutes({ auth, logger }));
  return app;
}
