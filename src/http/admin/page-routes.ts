import { Hono } from 'hono';
import type { Context } from 'hono';

import type { Clock } from '../../core/ports/clock.ts';
import type { FileIntake } from '../../core/ports/file-intake.ts';
import type { ReportRecords } from '../../core/ports/report-records.ts';
import type { StudyEvents } from '../../core/ports/study-events.ts';
import type { StudyKey } from '../../core/study/instance.ts';
import type { AdminAuth } from '../admin-auth.ts';
import type { AdminOperations } from '../admin-operations.ts';
import { parseAssociationQuery } from '../association-list.ts';
import { parseStudyQuery } from '../study-list.ts';
import type { AdminEnv } from './admin-env.ts';
import type { AdminAssociations, AdminIndex } from './admin-index.ts';
import { knownStudy } from './known-study.ts';
import { noticeOf } from './notices.ts';
import type { AdminOverview } from './overview.ts';
import { MAX_EVENTS } from './overview-routes.ts';
import { withGoodCursor } from './with-good-cursor.ts';
import { renderAssociationsPage } from './pages/associations-page.ts';
import { renderAuditPage } from './pages/audit-page.ts';
import { renderDeliveriesPage } from './pages/deliveries-page.ts';
import { renderFilesPage } from './pages/files-page.ts';
import { renderOverviewPage } from './pages/overview-page.ts';
import { PAGE_HEADERS } from './pages/page-headers.ts';
import { renderSendersPage } from './pages/senders-page.ts';
import { renderStudiesPage } from './pages/studies-page.ts';
import { renderStudyPage } from './pages/study-page.ts';
import type { Html, View } from './pages/view.ts';

export interface PageRoutesOptions {
  readonly index: AdminIndex;
  readonly associations: AdminAssociations;
  readonly overview: AdminOverview;
  readonly events: Pick<StudyEvents, 'ofStudy'>;
  readonly reports: Pick<ReportRecords, 'ofStudy' | 'totals' | 'problems'>;
  readonly operations: Pick<AdminOperations, 'readiness'>;
  readonly files?: Pick<FileIntake, 'folders' | 'quarantined' | 'quarantinedCount'> | undefined;
  /** Whether a study can be moved to another customer. */
  readonly canMove: boolean;
  /** Whether there are pictures of series. */
  readonly hasPictures: boolean;
  readonly auth: AdminAuth;
  readonly clock: Clock;
}

/** Rows of a page; more are on the next, or behind a filter. */
const PAGE_SIZE = 50;
const ATTENTION_SHOWN = 20;
const RECENT_SHOWN = 20;
const ENTRIES_SHOWN = 100;

/** The pages, and what the actions need to show one. */
export interface Pages {
  readonly routes: Hono<AdminEnv>;
  /** The page of a study, with its patient. */
  studyWithPatient(c: Context<AdminEnv>, here: string, params: { customer: string; study: string }): Html;
}

export function createPages(options: PageRoutesOptions): Pages {
  const {
    index,
    associations,
    overview,
    events,
    reports,
    operations,
    files,
    canMove,
    hasPictures,
    auth,
    clock,
  } = options;
  const routes = new Hono<AdminEnv>();

  const customers = (): readonly string[] =>
    overview.customers().flatMap(({ customer, config }) => (config === undefined ? [] : [customer]));
  const viewOf = (c: Context<AdminEnv>, here?: string): View => {
    const url = new URL(c.req.url);
    const notice = noticeOf(url.searchParams.get('done'), url.searchParams.get('n'));
    url.searchParams.delete('done');
    url.searchParams.delete('n');
    const { deliveries } = index.totals();
    const problems = new Set(overview.summary().problems.map(({ kind }) => kind));
    return {
      now: clock.now(),
      formToken: auth.formToken(c),
      here: here ?? url.pathname + url.search,
      hasLogin: auth.needsLogin,
      version: overview.version,
      notice,
      counts: {
        attention: deliveries.attention,
        senders:
          Number(problems.has('silent') || problems.has('site-silent')) +
          Number(problems.has('refused-senders')),
        files: files?.quarantinedCount ?? 0,
      },
    };
  };
  const show = async (c: Context<AdminEnv>, page: Html) => c.html(await page, 200, PAGE_HEADERS);
  const study = (view: View, names: { customer: string; study: string }, isPatientShown: boolean): Html => {
    const found = knownStudy(index, names);
    return renderStudyPage(view, {
      study: found,
      series: index.listSeries(found.key),
      events: events.ofStudy(found.key, MAX_EVENTS),
      reports: reports.ofStudy(found.key),
      customers: customers(),
      canMove,
      isPatientShown,
      pictured: isPatientShown && hasPictures ? picturedSeries(index, found.key) : [],
    });
  };

  routes.get('/', (c) =>
    show(
      c,
      renderOverviewPage(viewOf(c), {
        overview,
        totals: index.totals(),
        readiness: operations.readiness(),
        attention: index.listStudies({ limit: ATTENTION_SHOWN, delivery: 'attention' }).studies,
        recent: index.listStudies({ limit: RECENT_SHOWN }).studies,
        customers: customers(),
        canMove,
      }),
    ),
  );
  routes.get('/studies', (c) => {
    const parameters = withoutEmpty(new URL(c.req.url).searchParams);
    const query = { ...parseStudyQuery(parameters), limit: PAGE_SIZE };
    const page = withGoodCursor(() => index.listStudies(query));
    return show(c, renderStudiesPage(viewOf(c), { query, page, customers: customers() }));
  });
  routes.get('/studies/:customer/:study', (c) => show(c, study(viewOf(c), c.req.param(), false)));
  routes.get('/senders', (c) => show(c, renderSendersPage(viewOf(c), overview)));
  routes.get('/deliveries', (c) =>
    show(
      c,
      renderDeliveriesPage(viewOf(c), {
        overview,
        totals: index.totals(),
        attention: index.listStudies({ limit: PAGE_SIZE, delivery: 'attention' }).studies,
        pending: index.listStudies({ limit: RECENT_SHOWN, delivery: 'pending' }).studies,
        reports,
        customers: customers(),
        canMove,
      }),
    ),
  );
  routes.get('/files', async (c) =>
    show(
      c,
      renderFilesPage(viewOf(c), {
        folders: files?.folders() ?? [],
        quarantined: (await files?.quarantined(ENTRIES_SHOWN)) ?? [],
        quarantinedCount: files?.quarantinedCount ?? 0,
        conflicts: index.conflicts(PAGE_SIZE),
        conflictCount: index.totals().conflicts,
        integrity: overview.integrity(),
      }),
    ),
  );
  routes.get('/associations', (c) => {
    const parameters = withoutEmpty(new URL(c.req.url).searchParams);
    const query = { ...parseAssociationQuery(parameters), limit: PAGE_SIZE };
    const page = withGoodCursor(() => associations.list(query));
    return show(c, renderAssociationsPage(viewOf(c), { overview, query, page }));
  });
  routes.get('/audit', async (c) => show(c, renderAuditPage(viewOf(c), await overview.audit(ENTRIES_SHOWN))));

  return {
    routes,
    studyWithPatient: (c, here, key) => study(viewOf(c, here), key, true),
  };
}

/** A form sends its empty fields along; to the API they would be values. */
function withoutEmpty(parameters: URLSearchParams): URLSearchParams {
  return new URLSearchParams(
    [...parameters].filter(([name, value]) => value !== '' && name !== 'done' && name !== 'n'),
  );
}

/** Series with at least one image. */
function picturedSeries(index: Pick<AdminIndex, 'describeStudy'>, study: StudyKey): readonly string[] {
  return index
    .describeStudy(study)
    .filter(({ runs }) => runs.some(({ image }) => image.pixelData !== undefined))
    .map(({ seriesInstanceUid }) => seriesInstanceUid);
}
