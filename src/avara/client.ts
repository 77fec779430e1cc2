import type { GatewayFailure } from '../core/ports/study-gateway.ts';
import { describeErrorBody, hideValues } from './error-text.ts';
import { parseRetryAfter } from './retry-after.ts';

export const DEFAULT_BASE_URL = 'https://api.avarasoftware.com';

/** Avara's SDK allows a minute per attempt, so its servers may use it. */
export const DEFAULT_TIMEOUT_MS = 60_000;

/** No answer of the calls we make comes near this; more is not read. */
export const MAX_RESPONSE_BYTES = 1024 * 1024;

export interface AvaraClientOptions {
  /** Default {@link DEFAULT_BASE_URL}; a path prefix is kept. */
  readonly baseUrl?: string;
  readonly apiKey: string;
  /** Of this program, for `User-Agent`. */
  readonly version: string;
  /** Per request, from the first byte sent to the last byte read; default {@link DEFAULT_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  /** Wall clock for `Retry-After` dates; default `Date.now`. */
  readonly now?: () => number;
  /** Told of each request that was sent. */
  readonly onRequest?: ApiObserver | undefined;
}

/** What became of a request. `operation` is one of a few: method and path without ids, such as `GET /v1/express/:id`. */
export type ApiObserver = (request: {
  readonly operation: string;
  readonly outcome: 'ok' | ApiFailure['kind'];
  readonly durationMs: number;
}) => void;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Starts with `/v1/`; already percent-encoded. */
  readonly path: string;
  readonly body?: unknown;
  /** Values that no message may repeat (patient data of the body); the API key is always one. */
  readonly hidden?: readonly string[];
}

export interface ApiSuccess {
  readonly ok: true;
  readonly status: number;
  readonly body: unknown;
}
/** `status` is absent where no complete answer came. */
export type ApiFailure = { readonly ok: false; readonly status?: number } & GatewayFailure;
export type ApiResult = ApiSuccess | ApiFailure;

/** One API key at one base URL. Sends each request once: whoever keeps the outbox decides about repeating. */
export interface AvaraClient {
  /** Never rejects. A 2xx whose body is not JSON is a transient failure, because what happened is unknown. */
  request(request: ApiRequest): Promise<ApiResult>;
  /** Breaks off what is under way (those requests fail as transient) and refuses new ones the same way. */
  close(): void;
}

/** @throws RangeError for an unusable key, base URL or timeout. */
export function createAvaraClient(options: AvaraClientOptions): AvaraClient {
  const { apiKey, version, timeoutMs = DEFAULT_TIMEOUT_MS, now = Date.now } = options;
  if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new RangeError('the API key is empty or has characters that cannot stand in a header');
  }
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be above 0: ${timeoutMs}`);
  const base = parseBaseUrl(options.baseUrl ?? DEFAULT_BASE_URL);
  const underway = new Set<AbortController>();
  let isClosed = false;

  async function request(apiRequest: ApiRequest): Promise<ApiResult> {
    if (isClosed) return transient('not sent: shutting down');
    const startedAt = performance.now();
    const result = await send(apiRequest);
    options.onRequest?.({
      operation: operationOf(apiRequest),
      outcome: result.ok ? 'ok' : result.kind,
      durationMs: performance.now() - startedAt,
    });
    return result;
  }

  async function send(apiRequest: ApiRequest): Promise<ApiResult> {
    const hidden = [apiKey, ...(apiRequest.hidden ?? [])];
    const abort = new AbortController();
    const timer = setTimeout(() => {
      abort.abort(new Error(`no complete answer within ${timeoutMs} ms`));
    }, timeoutMs);
    underway.add(abort);
    try {
      const response = await fetch(`${base}${apiRequest.path}`, {
        method: apiRequest.method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          accept: 'application/json',
          'user-agent': `avara-ingest/${version}`,
          ...(apiRequest.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(apiRequest.body === undefined ? {} : { body: JSON.stringify(apiRequest.body) }),
        // Followed, a redirect could carry patient data to a host that nobody configured.
        redirect: 'manual',
        signal: abort.signal,
      });
      const body = await readBounded(response, MAX_RESPONSE_BYTES);
      return classify(response, body, hidden, now());
    } catch (error) {
      return transient(hideValues(describeNetworkError(error, abort.signal), hidden));
    } finally {
      clearTimeout(timer);
      underway.delete(abort);
    }
  }

  function close(): void {
    isClosed = true;
    for (const abort of underway) abort.abort(new Error('broken off: shutting down'));
  }

  return { request, close };
}

/** Ids and UIDs have digits, words of the API have none but its version: the label values stay few. */
function operationOf({ method, path }: ApiRequest): string {
  const words = path.replace(/[?#].*$/, '').split('/');
  return `${method} ${words.map((word) => (/\d/.test(word) && word !== 'v1' ? ':id' : word)).join('/')}`;
}

function parseBaseUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new RangeError(`not a URL: ${JSON.stringify(text)}`);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new RangeError(`the base URL must start with https:// or http://: ${JSON.stringify(text)}`);
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new RangeError('the base URL must have no query, fragment, user name or password');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** @returns the text, or undefined where it is longer than `limit` bytes. */
async function readBounded(response: Response, limit: number): Promise<string | undefined> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the stream, and with it the connection.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function classify(
  response: Response,
  text: string | undefined,
  hidden: readonly string[],
  now: number,
): ApiResult {
  const { status } = response;
  if (response.ok) {
    const body = text === undefined ? undefined : parseJson(text);
    if (body !== undefined) return { ok: true, status, body };
    const why = text === undefined ? `is larger than ${MAX_RESPONSE_BYTES} bytes` : 'is not JSON';
    return { ...transient(`Avara answered ${status}, but the answer ${why}`), status };
  }
  const said = text === undefined ? '' : describeErrorBody(text, hidden);
  const message = said === '' ? `Avara answered ${status}` : `Avara answered ${status}: ${said}`;
  // Avara's SDK lets this header decide over everything else.
  const shouldRetry = response.headers.get('x-should-retry');
  if ((status === 401 || status === 403) && shouldRetry !== 'true') {
    return { ok: false, status, kind: 'unauthorized', message, scope: status === 401 ? 'key' : 'customer' };
  }
  const isUnclear = status === 408 || status === 409 || status < 400 || status >= 500;
  const isTransient = isUnclear || status === 429 || shouldRetry === 'true';
  if (!isTransient) return { ok: false, status, kind: 'permanent', message };
  // A rate limit is about time, whatever else is said.
  if (shouldRetry === 'false' && status !== 429) {
    const said = `${message} (and asks not to send it again)`;
    return { ok: false, status, kind: 'permanent', message: said, mayHaveHappened: isUnclear };
  }
  const retryAfterMs = parseRetryAfter(response.headers, now);
  return {
    ok: false,
    status,
    kind: 'transient',
    message,
    isRateLimit: status === 429,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function transient(message: string): ApiFailure {
  return { ok: false, kind: 'transient', message, isRateLimit: false };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Node's fetch says "fetch failed" and keeps what the operator needs (ECONNREFUSED, a certificate error) in `cause`. */
function describeNetworkError(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) {
    return signal.reason instanceof Error ? signal.reason.message : 'broken off';
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return 'network error';
  const code = (cause as NodeJS.ErrnoException).code;
  const detail = [code, cause.message].filter((part) => part !== undefined && part !== '').join(': ');
  return `network error: ${detail}`.slice(0, 300);
}
