import { Hono } from 'hono';

import type { FileIntake, ImportEvent, ImportRequest } from '../core/ports/file-intake.ts';
import type { FileRecord } from '../core/ports/file-records.ts';
import { type CustomerKey, parseCustomerKey } from '../core/study/instance.ts';
import type { HttpEnv } from './env.ts';
import { HttpProblem } from './errors.ts';
import { readBody } from './read-body.ts';
import { badMember, badParameter, readOne } from './study-list.ts';

const MAX_BODY_BYTES = 1024 * 1024;
const BODY_TIMEOUT_MS = 10_000;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

export interface FileRoutesOptions {
  readonly files: FileIntake;
  /** Whether a customer is configured. */
  readonly isCustomer: (customer: CustomerKey) => boolean;
}

/** Files as a way in, for the admin listener: watched folders, "where is my file?", quarantine, import. */
export function createFileRoutes({ files, isCustomer }: FileRoutesOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();

  const knownCustomer = (
    text: string | undefined,
    problem: typeof badParameter = badParameter,
  ): CustomerKey | undefined => {
    if (text === undefined) return undefined;
    const customer = parseCustomerKey(text);
    if (customer === undefined || !isCustomer(customer))
      throw problem('customer', 'must be the key of a customer in the configuration');
    return customer;
  };

  app.get('/api/folders', (c) => c.json({ folders: files.folders(), quarantined: files.quarantinedCount }));
  app.get('/api/files', async (c) => {
    const name = readOne(new URL(c.req.url).searchParams, 'name');
    if (name === undefined || name === '')
      throw badParameter('name', 'must be the name of a file, or its full path');
    const { records, quarantined, waiting } = await files.find(name);
    return c.json({ records: records.map(presentRecord), quarantined, waiting });
  });
  app.get('/api/quarantine', async (c) => {
    const query = new URL(c.req.url).searchParams;
    const limit = Number(readOne(query, 'limit') ?? DEFAULT_LIMIT);
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      throw badParameter('limit', `must be a number from 1 to ${MAX_LIMIT}`);
    const entries = await files.quarantined(limit, knownCustomer(readOne(query, 'customer')));
    return c.json({ total: files.quarantinedCount, entries });
  });
  app.post('/api/quarantine/retry', async (c) => {
    const query = new URL(c.req.url).searchParams;
    const id = readOne(query, 'id');
    const customer = knownCustomer(readOne(query, 'customer'));
    const asIs = readOne(query, 'asIs') === 'true';
    const result = await files.retryQuarantined({
      ...(id !== undefined && { id }),
      ...(customer !== undefined && { customer }),
      asIs,
    });
    if (id !== undefined && result.tried === 0)
      throw new HttpProblem(404, { code: 'not-found', detail: 'There is no such entry in quarantine.' });
    return c.json(result);
  });
  app.post('/api/import', async (c) => {
    const body = await readBody(c.req.raw, { maxBytes: MAX_BODY_BYTES, timeoutMs: BODY_TIMEOUT_MS });
    const request = readImportRequest(body, (text) => knownCustomer(text, badMember));
    const stop = new AbortController();
    const lines = ndjson(files.import(request, stop.signal), stop);
    return c.body(lines, 200, { 'Content-Type': 'application/x-ndjson' });
  });
  return app;
}

/** A record as JSON: the time as ISO 8601; the stamp is nobody's business. */
function presentRecord(record: FileRecord): object {
  return { ...record, stamp: undefined, at: new Date(record.at).toISOString() };
}

function readImportRequest(
  body: Buffer,
  knownCustomer: (text: string) => CustomerKey | undefined,
): ImportRequest {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new HttpProblem(400, { code: 'bad-request', detail: 'The body must be JSON.' });
  }
  const fields = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const { paths, dryRun = false } = fields;
  const customer = typeof fields.customer === 'string' ? knownCustomer(fields.customer) : undefined;
  if (customer === undefined) throw badMember('customer', 'must be given');
  const isPath = (path: unknown): path is string => typeof path === 'string' && path.startsWith('/');
  if (!Array.isArray(paths) || paths.length === 0 || !paths.every(isPath))
    throw badMember('paths', 'must be a list of absolute paths');
  if (typeof dryRun !== 'boolean') throw badMember('dryRun', 'must be true or false');
  return { customer, paths, dryRun };
}

/** One event a line. When the client goes away, the import ends after the files in work. */
function ndjson(events: AsyncIterable<ImportEvent>, stop: AbortController): ReadableStream<Uint8Array> {
  const iterator = events[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(Buffer.from(`${JSON.stringify(next.value)}\n`));
    },
    async cancel() {
      stop.abort();
      await iterator.return?.();
    },
  });
}
