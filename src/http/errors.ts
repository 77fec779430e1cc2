import { STATUS_CODES } from 'node:http';
import type { ErrorHandler } from 'hono';
import type { Logger } from '../core/ports/logger.ts';
import type { HttpEnv } from './env.ts';

export interface ProblemOptions {
  /** Short name for programs, for example `token-expired`. */
  readonly code: string;
  /** For people: what is wrong and what to do. No patient data, no secrets. */
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A refusal or fault that has a status and an explanation of its own. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, { code, detail, headers = {}, cause }: ProblemOptions) {
    super(detail, { cause });
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** The problem as `application/problem+json` (RFC 9457), with our `code` as an extension member. */
export function problemResponse(
  problem: HttpProblem,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { status, code, message: detail } = problem;
  const body = JSON.stringify({ title: STATUS_CODES[status] ?? 'Error', status, detail, code });
  return new Response(body, {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...headers,
      ...problem.headers,
    },
  });
}

/** The one error handler of an app: problems as they are, anything else as a 500 that tells nothing and a log line. */
export function createErrorHandler<Env extends { Bindings: HttpEnv['Bindings'] } = HttpEnv>(
  logger: Logger,
): ErrorHandler<Env> {
  return function handleError(error, c) {
    if (error instanceof HttpProblem) return problemResponse(error);
    if (c.env.incoming?.socket.destroyed === true) {
      logger.debug({ method: c.req.method, path: c.req.path }, 'client went away during its request');
      return problemResponse(
        new HttpProblem(400, { code: 'client-gone', detail: 'The connection was closed.' }),
      );
    }
    logger.error({ err: error, method: c.req.method, path: c.req.path }, 'request failed');
    return problemResponse(
      new HttpProblem(500, {
        code: 'internal-error',
        detail: 'Something went wrong here; the log says what.',
      }),
    );
  };
}

/** The answer to paths that nothing is at. */
export const handleNotFound = (): Response =>
  problemResponse(new HttpProblem(404, { code: 'not-found', detail: 'There is nothing at this path.' }));

/** A 405 with its Allow header (RFC 9110 15.5.6). */
export function methodNotAllowed(allow: string): HttpProblem {
  return new HttpProblem(405, {
    code: 'method-not-allowed',
    detail: `Use ${allow} here.`,
    headers: { Allow: allow },
  });
}
