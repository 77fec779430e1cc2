import { Hono } from 'hono';
import type { Context } from 'hono';
import type { AuditTrail } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { ReportRecords } from '../core/ports/report-records.ts';
import type { StudyEvents } from '../core/ports/study-events.ts';
import type { LogLevelControl } from '../observability/log-level.ts';
import type { Verifier } from '../core/proof/verifier.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createActionAudit } from './admin/action-audit.ts';
import type { AdminEnv } from './admin/admin-env.ts';
import type { AdminAssociations, AdminIndex } from './admin/admin-index.ts';
import { createAlertRoutes } from './admin/alert-routes.ts';
import { ASSET_PATHS, createAssetRoutes } from './admin/assets.ts';
import { OPEN_PATHS, createHealthRoutes } from './admin/health-routes.ts';
import type { LiveFeed } from './admin/live-feed.ts';
import { createLiveRoutes } from './admin/live-routes.ts';
import { createLogLevelRoutes } from './admin/log-level-routes.ts';
import { createLoginRoutes } from './admin/login-routes.ts';
import { createOperationRoutes } from './admin/operation-routes.ts';
import type { AdminOverview } from './admin/overview.ts';
import { createOverviewRoutes } from './admin/overview-routes.ts';
import { createPageActions } from './admin/page-actions.ts';
import { createPages } from './admin/page-routes.ts';
import { renderErrorPage } from './admin/pages/error-page.ts';
import { PAGE_HEADERS } from './admin/pages/page-headers.ts';
import { createThumbnailRoutes } from './admin/thumbnail-routes.ts';
import type { ThumbnailRoutesOptions } from './admin/thumbnail-routes.ts';
import { createStudyRoutes } from './admin/study-routes.ts';
import { createVerifyRoutes } from './admin/verify-routes.ts';
import { createAdminAuth } from './admin-auth.ts';
import type { AdminOperations } from './admin-operations.ts';
import { HttpProblem, createErrorHandler, handleNotFound } from './errors.ts';
import { createMoveRoutes, type MoveRoutesOptions } from './admin/move-routes.ts';
import { createRetentionRoutes, type RetentionRoutesOptions } from './admin/retention-routes.ts';
import { createFileRoutes, type FileRoutesOptions } from './file-routes.ts';

export interface AdminAppOptions {
  readonly index: AdminIndex;
  readonly associations: AdminAssociations;
  readonly overview: AdminOverview;
  readonly events: Pick<StudyEvents, 'ofStudy'>;
  readonly reports: Pick<ReportRecords, 'ofStudy' | 'totals' | 'problems'>;
  /** Without it pages do not follow what happens. */
  readonly live?: LiveFeed | undefined;
  /** Takes down whoever logs in and changes something. */
  readonly audit: AuditTrail;
  readonly operations: AdminOperations;
  /** Watched folders, quarantine and import. Without it their paths are not there. */
  readonly files?: FileRoutesOptions | undefined;
  /** Removal of old studies. Without it its paths are not there. */
  readonly retention?: RetentionRoutesOptions | undefined;
  /** Without it the page of a study has no pictures. */
  readonly thumbnails?: Omit<ThumbnailRoutesOptions, 'audit'> | undefined;
  /** Without it there is no `/api/alerts`. */
  readonly alerts?: Parameters<typeof createAlertRoutes>[0] | undefined;
  /** Without it studies cannot be moved. */
  readonly move?: MoveRoutesOptions | undefined;
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
export function createAdminApp(options: AdminAppOptions): Hono<AdminEnv> {
  const {
    index,
    associations,
    overview,
    events,
    reports,
    operations,
    registry,
    audit,
    clock,
    logger,
    token,
  } = options;
  const auth = createAdminAuth({
    token,
    clock,
    openPaths: [...OPEN_PATHS, ...ASSET_PATHS],
    onWrongToken(peerAddress) {
      logger.warn({ peerAddress }, 'a wrong admin token was refused');
      audit.record({ event: 'admin.login_refused', ...(peerAddress !== undefined && { peerAddress }) });
    },
  });
  const handleError = createErrorHandler<AdminEnv>(logger);
  const app = new Hono<AdminEnv>();

  app.onError((error, c) => {
    if (!(error instanceof HttpProblem) || !isPage(c)) return handleError(error, c);
    if (error.status === 401 && c.req.method === 'GET') {
      const { pathname, search } = new URL(c.req.url);
      return c.redirect(`/login?${new URLSearchParams({ return: pathname + search }).toString()}`, 303);
    }
    return c.html(renderErrorPage(error), error.status as 400, { ...PAGE_HEADERS, ...error.headers });
  });
  app.notFound((c) =>
    isPage(c)
      ? c.html(renderErrorPage({ status: 404, message: 'There is no such page.' }), 404, PAGE_HEADERS)
      : handleNotFound(),
  );
  app.use('*', auth.guard);
  app.use('*', createActionAudit(audit));
  app.use('*', async (c, next) => {
    await next();
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store');
  });

  app.route('/', createHealthRoutes({ operations, registry }));
  app.route('/', createOperationRoutes({ associations, operations }));
  app.route('/', createOverviewRoutes({ overview, index, events }));
  app.route('/', createStudyRoutes({ index, operations }));
  if (options.files !== undefined) app.route('/', createFileRoutes(options.files));
  if (options.retention !== undefined) app.route('/', createRetentionRoutes(options.retention));
  if (options.alerts !== undefined) app.route('/', createAlertRoutes(options.alerts));
  if (options.move !== undefined) app.route('/', createMoveRoutes(options.move));
  if (options.logLevel !== undefined) app.route('/', createLogLevelRoutes(options.logLevel));
  if (options.verifier !== undefined) app.route('/', createVerifyRoutes({ verifier: options.verifier }));
  const files = options.files?.files;
  const pages = createPages({
    index,
    associations,
    overview,
    events,
    reports,
    operations,
    files,
    canMove: options.move !== undefined,
    hasPictures: options.thumbnails !== undefined,
    auth,
    clock,
  });
  app.route('/', createAssetRoutes());
  app.route('/', createLoginRoutes({ auth, audit, clock, logger }));
  app.route(
    '/',
    createPageActions({ index, operations, overview, files, mover: options.move?.mover, pages, auth, audit }),
  );
  if (options.live !== undefined) app.route('/', createLiveRoutes(options.live));
  if (options.thumbnails !== undefined)
    app.route('/', createThumbnailRoutes({ ...options.thumbnails, audit }));
  app.route('/', pages.routes);
  return app;
}

/** Whether a browser asks for a page, rather than a program for an answer. */
function isPage({ req }: Context): boolean {
  return !req.path.startsWith('/api/') && (req.header('accept') ?? '').includes('text/html');
}
