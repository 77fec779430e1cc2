import { Hono } from 'hono';
import type { Context } from 'hono';

import type { StudyMover } from '../../core/move/move-study.ts';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { FileIntake } from '../../core/ports/file-intake.ts';
import { parseCustomerKey } from '../../core/study/instance.ts';
import type { StudyKey } from '../../core/study/instance.ts';
import type { AdminAuth } from '../admin-auth.ts';
import type { AdminOperations } from '../admin-operations.ts';
import { HttpProblem } from '../errors.ts';
import { readBody } from '../read-body.ts';
import { badParameter, readProduct } from '../study-list.ts';
import { recordAction } from './action-audit.ts';
import type { AdminEnv } from './admin-env.ts';
import type { AdminIndex } from './admin-index.ts';
import { knownStudy } from './known-study.ts';
import { localPath } from './local-path.ts';
import { moveProblem } from './move-routes.ts';
import type { Notice } from './notices.ts';
import type { AdminOverview } from './overview.ts';
import type { Pages } from './page-routes.ts';
import { PAGE_HEADERS } from './pages/page-headers.ts';
import { studyPath } from './pages/parts.ts';

export interface PageActionsOptions {
  readonly index: Pick<AdminIndex, 'findStudy' | 'findRemovals'>;
  readonly operations: AdminOperations;
  readonly overview: Pick<AdminOverview, 'forgetRefused'>;
  readonly files?: Pick<FileIntake, 'retryQuarantined'> | undefined;
  /** Without it no study can be moved. */
  readonly mover?: Pick<StudyMover, 'move'> | undefined;
  readonly pages: Pick<Pages, 'studyWithPatient'>;
  readonly auth: AdminAuth;
  readonly audit: AuditTrail;
}

const MAX_FORM_BYTES = 16_384;
const FORM_TIMEOUT_MS = 10_000;

/** `at`: where to go instead of back, because what was there is elsewhere now. */
type Done = readonly [notice: Notice, count?: number | undefined, at?: string];
type Act = (form: URLSearchParams, c: Context<AdminEnv>) => Promise<Done>;

/**
 * What the buttons of the page do: `POST /do/<action>` with a form, answered by going back to the page. The token in the
 * form proves that a page of this session made it. Each is taken down in the audit trail, done or failed.
 */
export function createPageActions(options: PageActionsOptions): Hono<AdminEnv> {
  const { index, operations, overview, files, mover, pages, auth, audit } = options;
  const app = new Hono<AdminEnv>();

  const keyOf = (form: URLSearchParams): StudyKey =>
    knownStudy(index, { customer: form.get('customer') ?? '', study: form.get('study') ?? '' }).key;
  const actions: Readonly<Record<string, Act>> = {
    'retry-study': async (form) => ['retried', await operations.retryStudy(keyOf(form))],
    'retry-all': async () => ['retried', await operations.retryAll(undefined)],
    'retry-reports': async () => ['reports-retried', await operations.retryReports()],
    'complete-study': async (form) => {
      await operations.completeStudy(keyOf(form));
      return ['completed'];
    },
    'cancel-study': async (form) => {
      await operations.cancelStudy(keyOf(form), readProduct(onlyProduct(form)), true);
      return ['cancelled'];
    },
    'uncancel-study': async (form) => {
      await operations.cancelStudy(keyOf(form), readProduct(onlyProduct(form)), false);
      return ['uncancelled'];
    },
    'correct-study': async (form) => ['corrected', (await operations.correctStudy(keyOf(form))).length],
    'move-study': async (form, c) => {
      const to = parseCustomerKey(form.get('to') ?? '');
      if (to === undefined || mover === undefined) throw badParameter('to', 'must be the key of a customer');
      const key = keyOf(form);
      const { peerAddress } = c.env;
      const outcome = await mover.move(key, to, { actor: c.get('actor') ?? 'admin', peerAddress });
      if (outcome.kind === 'refused') throw moveProblem(outcome);
      const isOnItsPage = localPath(form.get('return')).startsWith(studyPath(key));
      const moved = studyPath({ ...key, customer: to });
      return isOnItsPage ? ['moved', undefined, moved] : ['moved'];
    },
    'retry-quarantine': async (form) => {
      const id = form.get('id');
      const result = await files?.retryQuarantined({
        ...(id !== null && { id }),
        asIs: form.get('asIs') === 'true',
      });
      return ['requeued', result?.stored ?? 0];
    },
    'forget-refused': async (form) => {
      await overview.forgetRefused(Number(form.get('id')));
      return ['forgotten'];
    },
  };

  const readForm = async (c: Context<AdminEnv>): Promise<URLSearchParams> => {
    const body = await readBody(c.req.raw, { maxBytes: MAX_FORM_BYTES, timeoutMs: FORM_TIMEOUT_MS });
    const form = new URLSearchParams(body.toString('utf8'));
    if (!auth.isFormTokenRight(c, form.get('form-token') ?? ''))
      throw new HttpProblem(403, {
        code: 'stale-page',
        detail:
          'This page is from another login or an earlier start of the daemon. Load it again, then repeat what you did.',
      });
    return form;
  };
  const record = (c: Context<AdminEnv>, what: string, form: URLSearchParams, isDone: boolean): void => {
    const detail = form.get('to') ?? form.get('id') ?? '';
    recordAction(audit, c, {
      what: `${what}${detail === '' ? '' : ` ${detail}`}${isDone ? '' : ' failed'}`,
      customer: form.get('customer') ?? '',
      study: form.get('study') ?? '',
    });
  };

  app.post('/do/show-patient', async (c) => {
    const form = await readForm(c);
    const { customer, studyInstanceUid } = keyOf(form);
    record(c, 'show-patient', form, true);
    const page = pages.studyWithPatient(c, localPath(form.get('return')), {
      customer,
      study: studyInstanceUid,
    });
    return c.html(await page, 200, PAGE_HEADERS);
  });
  app.post('/do/:action', async (c) => {
    const form = await readForm(c);
    const name = c.req.param('action');
    const act = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (act === undefined)
      throw new HttpProblem(404, { code: 'not-found', detail: 'There is no such action.' });
    let done: Done;
    try {
      done = await act(form, c);
    } catch (error) {
      record(c, name, form, false);
      throw error;
    }
    record(c, name, form, true);
    const [notice, count, at] = done;
    const back = new URL(at ?? localPath(form.get('return')), 'http://localhost');
    back.searchParams.set('done', notice);
    if (count !== undefined) back.searchParams.set('n', String(count));
    return c.redirect(back.pathname + back.search, 303);
  });
  return app;
}

function onlyProduct(form: URLSearchParams): URLSearchParams {
  const product = form.get('product');
  return new URLSearchParams(product === null ? {} : { product });
}
