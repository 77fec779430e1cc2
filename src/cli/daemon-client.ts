import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { loadConfigSections } from '../config/load.ts';
import { pastAssociationSchema } from './association-table.ts';
import type { CliContext } from './context.ts';
import { CliError } from './context.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** How long the daemon may take to answer, milliseconds. */
const REQUEST_TIMEOUT_MS = 15_000;

/** Most studies asked for in one request; the admin API's own limit. */
const PAGE_SIZE = 1000;

const deliverySchema = z.object({
  product: z.string(),
  state: z.string(),
  studyId: z.string().nullish(),
  attempts: z.number(),
  lastError: z.string().nullish(),
  isCancelled: z.boolean().optional(),
  isChangePending: z.boolean().optional(),
});

const studySchema = z.object({
  customer: z.string(),
  studyInstanceUid: z.string(),
  state: z.string(),
  instances: z.number(),
  bytes: z.number(),
  firstReceivedAt: z.string(),
  lastReceivedAt: z.string(),
  avara: z.array(deliverySchema),
  disagreements: z.array(z.string()).optional(),
});
export type AdminStudy = z.output<typeof studySchema>;

const studyPageSchema = z.object({ studies: z.array(studySchema), cursor: z.string().nullish() });

const retriedSchema = z.object({ retried: z.number() });

const statusSchema = z.object({
  version: z.string(),
  startedAt: z.string(),
  totals: z.object({
    studies: z.number(),
    receivingStudies: z.number(),
    instances: z.number(),
    bytes: z.number(),
    conflicts: z.number(),
    deliveries: z.object({ pending: z.number(), created: z.number(), attention: z.number() }),
  }),
  customers: z
    .array(z.object({ customer: z.string(), expressCustomerId: z.string(), state: z.string() }))
    .optional(),
  reports: z
    .object({
      reports: z.object({ pending: z.number(), stored: z.number(), attention: z.number() }),
      outputs: z.object({ pending: z.number(), done: z.number(), attention: z.number() }),
    })
    .optional(),
  pastAssociations: z.array(pastAssociationSchema).optional(),
  state: z.enum(['good', 'warn', 'bad']).optional(),
  sentence: z.string().optional(),
  problems: z.array(z.object({ kind: z.string(), severity: z.string(), text: z.string() })).optional(),
  intake: z
    .object({ imagesPerSecond: z.number(), bytesPerSecond: z.number(), lastImageAt: z.string().optional() })
    .optional(),
  associations: z.array(z.object({ id: z.string() })).optional(),
  disk: z
    .object({
      freeBytes: z.number(),
      totalBytes: z.number(),
      reserveBytes: z.number(),
      isBelowReserve: z.boolean(),
      forecast: z
        .object({ kind: z.string(), bytesPerDay: z.number().optional(), fullAt: z.string().optional() })
        .optional(),
    })
    .optional(),
  integrity: z
    .object({
      isActive: z.boolean(),
      oldestCheckAt: z.string().nullable(),
      damagedObjects: z.number(),
      damaged: z.array(
        z.object({ path: z.string(), kind: z.string(), detail: z.string(), remedy: z.string().nullable() }),
      ),
    })
    .optional(),
  silentSenders: z
    .array(
      z.object({
        callingAeTitle: z.string(),
        source: z.string(),
        customer: z.string(),
        lastAt: z.string(),
        habit: z.object({ kind: z.string(), missedHours: z.number().optional() }),
      }),
    )
    .optional(),
  refusedSenders: z
    .array(
      z.object({
        callingAeTitle: z.string(),
        calledAeTitle: z.string(),
        peerAddress: z.string(),
        explanation: z.string(),
        lastAt: z.string(),
        suggestions: z.array(
          z.object({
            kind: z.string(),
            route: z.number().optional(),
            entry: z.record(z.string(), z.unknown()),
          }),
        ),
      }),
    )
    .optional(),
});
export type AdminStatus = z.output<typeof statusSchema>;

const logLevelSchema = z.object({ level: z.string(), configured: z.string(), until: z.string().nullable() });
export type AdminLogLevel = z.output<typeof logLevelSchema>;

const alertsSchema = z.object({
  alerts: z.array(
    z.object({
      id: z.string(),
      severity: z.string(),
      summary: z.string(),
      advice: z.string(),
      since: z.string(),
    }),
  ),
  channels: z.array(
    z.object({ name: z.string(), lastSentAt: z.string().nullable(), lastError: z.string().nullable() }),
  ),
});
export type AdminAlerts = z.output<typeof alertsSchema>;

const alertTestSchema = z.object({
  results: z.array(z.object({ channel: z.string(), ok: z.boolean(), error: z.string().nullable() })),
});
export type AlertTestResult = z.output<typeof alertTestSchema>['results'][number];

export interface StudyFilter {
  readonly customer?: string | undefined;
  readonly state?: string | undefined;
  /** Prefix of a UID, Patient ID, Accession Number or name. */
  readonly text?: string | undefined;
  /** Only studies with a delivery in this state. */
  readonly delivery?: string | undefined;
}

export interface StudyName {
  readonly customer: string;
  readonly studyInstanceUid: string;
}

/** Where the admin API is. */
export interface DaemonAddress {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token?: string | undefined;
}

/** Talks to the admin API of a running daemon. Every call throws {@link CliError} where it cannot be done. */
export interface DaemonClient {
  readonly url: string;
  status(): Promise<AdminStatus>;
  /** The newest studies, at most `limit`. */
  studies(filter: StudyFilter, limit: number): Promise<readonly AdminStudy[]>;
  /** Every study that the filter lets through. */
  allStudies(filter: StudyFilter): AsyncIterable<AdminStudy>;
  complete(study: StudyName): Promise<void>;
  /** @returns how many of the study's deliveries are tried again. */
  retry(study: StudyName): Promise<number>;
  /** Cancels a study at Avara, or undoes that. @returns how many deliveries that concerns. */
  setCancelled(study: StudyName, product: string | undefined, isCancelled: boolean): Promise<number>;
  /** @returns a temporary URL of Avara's under which a person opens the study. */
  open(
    study: StudyName,
    options: { readonly product?: string | undefined; readonly user?: string | undefined },
  ): Promise<{ readonly url: string; readonly product: string }>;
  /** Fetches and sends on again the reports that wait or need attention. @returns how many. */
  retryReports(): Promise<number>;
  /** Takes over what later images of a study state otherwise. @returns the keywords that changed. */
  correct(study: StudyName): Promise<readonly string[]>;
  /** The same for every study (of one customer) that needs attention or waits for its next try. */
  retryAll(customer: string | undefined): Promise<number>;
  logLevel(): Promise<AdminLogLevel>;
  /** Logs at another level for `seconds`; `configured` ends that. */
  setLogLevel(level: string, seconds: number): Promise<AdminLogLevel>;
  alerts(): Promise<AdminAlerts>;
  /** Has the daemon send a test on every way to tell somebody; waits for them. */
  testAlerts(): Promise<readonly AlertTestResult[]>;
  /** Whether a daemon answers at all. */
  isAlive(): Promise<boolean>;
}

/**
 * Finds the admin API: from the configuration file's `admin` section, or `--url`, which wins for the address.
 * @throws ConfigError, or CliError where the address cannot be known
 */
export function resolveDaemonAddress(
  options: { readonly config: string; readonly url?: string | undefined },
  env: CliContext['env'],
): DaemonAddress {
  if (options.url !== undefined && !existsSync(options.config))
    return { url: options.url.replace(/\/+$/, '') };
  const { admin } = loadConfigSections({ file: options.config, env }, ['admin']);
  const token = admin.token?.reveal();
  if (options.url !== undefined) return { url: options.url.replace(/\/+$/, ''), token };
  if (admin.port === 0) {
    throw new CliError('admin.port is 0, so the port was chosen when the daemon started', {
      exitCode: EXIT_CODES.usage,
      hint: 'name the address with --url http://127.0.0.1:PORT; the daemon’s "ready" log line has the port',
    });
  }
  return { url: `http://${urlHost(admin.host)}:${admin.port}`, token };
}

export function createDaemonClient({ url, token }: DaemonAddress): DaemonClient {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };

  async function request(path: string, method: 'GET' | 'POST' = 'GET'): Promise<Response> {
    let response: Response;
    try {
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      response = await fetch(`${url}${path}`, { method, headers, signal });
    } catch (error) {
      throw new CliError(`the daemon does not answer at ${url}: ${networkFailure(error)}`, {
        exitCode: EXIT_CODES.unreachable,
        hint: 'is it running? Start it with "avara-ingest serve", and look at its log if it ends at once',
        cause: error,
      });
    }
    if (response.ok) return response;
    throw new CliError(await refusalText(response, url), {
      exitCode: EXIT_CODES.failed,
      hint: hintOfStatus(response.status),
    });
  }

  async function call<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    method: 'GET' | 'POST' = 'GET',
  ): Promise<z.output<Schema>> {
    const response = await request(path, method);
    const parsed = schema.safeParse(await response.json().catch(() => undefined));
    if (parsed.success) return parsed.data;
    throw new CliError(`${url} answered in a way this version does not understand`, {
      exitCode: EXIT_CODES.failed,
      hint: 'does another program listen there, or a daemon of another version?',
    });
  }

  function page(
    filter: StudyFilter,
    limit: number,
    cursor?: string,
  ): Promise<z.output<typeof studyPageSchema>> {
    const query = new URLSearchParams({ limit: String(limit) });
    const parameters = {
      cursor,
      customer: filter.customer,
      state: filter.state,
      q: filter.text,
      delivery: filter.delivery,
    };
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, value);
    return call(`/api/studies?${query.toString()}`, studyPageSchema);
  }

  return {
    url,
    status: () => call('/api/status', statusSchema),
    async studies(filter, limit) {
      return (await page(filter, Math.min(limit, PAGE_SIZE))).studies;
    },
    async *allStudies(filter) {
      let cursor: string | undefined;
      do {
        const { studies, cursor: next } = await page(filter, PAGE_SIZE, cursor);
        yield* studies;
        cursor = next ?? undefined;
      } while (cursor !== undefined);
    },
    async complete(study) {
      await request(`${studyPath(study)}/complete`, 'POST');
    },
    async retry(study) {
      return (await call(`${studyPath(study)}/retry`, retriedSchema, 'POST')).retried;
    },
    async setCancelled(study, product, isCancelled) {
      const query = product === undefined ? '' : `?product=${encodeURIComponent(product)}`;
      const path = `${studyPath(study)}/${isCancelled ? 'cancel' : 'uncancel'}${query}`;
      return (await call(path, z.object({ changed: z.number() }), 'POST')).changed;
    },
    open(study, { product, user }) {
      const query = new URLSearchParams();
      if (product !== undefined) query.set('product', product);
      if (user !== undefined) query.set('user', user);
      const schema = z.object({ url: z.string(), product: z.string() });
      return call(`${studyPath(study)}/open?${query.toString()}`, schema, 'POST');
    },
    async retryReports() {
      return (await call('/api/reports/retry', retriedSchema, 'POST')).retried;
    },
    async correct(study) {
      const schema = z.object({ corrected: z.array(z.string()) });
      return (await call(`${studyPath(study)}/correct`, schema, 'POST')).corrected;
    },
    async retryAll(customer) {
      const query = customer === undefined ? '' : `?customer=${encodeURIComponent(customer)}`;
      return (await call(`/api/retry${query}`, retriedSchema, 'POST')).retried;
    },
    logLevel: () => call('/api/log-level', logLevelSchema),
    setLogLevel: (level, seconds) =>
      call(`/api/log-level?level=${encodeURIComponent(level)}&seconds=${seconds}`, logLevelSchema, 'POST'),
    alerts: () => call('/api/alerts', alertsSchema),
    async testAlerts() {
      return (await call('/api/alerts/test', alertTestSchema, 'POST')).results;
    },
    async isAlive() {
      try {
        const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
        const response = await fetch(`${url}/healthz`, { headers, signal });
        await response.body?.cancel();
        return response.ok;
      } catch {
        return false;
      }
    },
  };
}

/** The one study with this UID; `customer` tells apart studies of several customers. @throws CliError */
export async function findStudy(
  client: DaemonClient,
  studyInstanceUid: string,
  customer: string | undefined,
): Promise<AdminStudy> {
  const found: AdminStudy[] = [];
  for await (const study of client.allStudies({ text: studyInstanceUid, customer })) {
    if (study.studyInstanceUid === studyInstanceUid) found.push(study);
  }
  const [study, second] = found;
  if (study === undefined) {
    const where = customer === undefined ? '' : ` for customer ${customer}`;
    throw new CliError(`no study ${studyInstanceUid}${where}`, {
      exitCode: EXIT_CODES.failed,
      hint: '"avara-ingest status" lists the newest studies',
    });
  }
  if (second !== undefined) {
    throw new CliError(`several customers have a study ${studyInstanceUid}`, {
      exitCode: EXIT_CODES.usage,
      hint: `add --customer, one of: ${found.map((one) => one.customer).join(', ')}`,
    });
  }
  return study;
}

function studyPath({ customer, studyInstanceUid }: StudyName): string {
  return `/api/studies/${encodeURIComponent(customer)}/${encodeURIComponent(studyInstanceUid)}`;
}

/** Why a request did not get through, in words. */
export function networkFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name cannot be resolved';
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'no answer in time';
    default:
      return cause.message === '' ? (code ?? cause.name) : cause.message;
  }
}

/** An address to connect to for one that was bound; a wildcard is reached on loopback. */
export function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIPv6(host) ? `[${host}]` : host;
}

async function refusalText(response: Response, url: string): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined);
  const fields = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const detail = typeof fields.detail === 'string' ? fields.detail : undefined;
  return `the daemon at ${url} refused (HTTP ${response.status})${detail === undefined ? '' : `: ${detail}`}`;
}

/** What to do about a refusal of the daemon's. */
export function hintOfStatus(status: number): string | undefined {
  if (status === 401 || status === 403)
    return 'admin.token in the configuration must be the one the daemon started with';
  if (status === 429)
    return 'something at this address tries wrong admin tokens; the log of the daemon says when, and other addresses are not affected';
  return undefined;
}
