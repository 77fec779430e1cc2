import type { z } from 'zod';
import { CliError } from './context.ts';
import { type DaemonAddress, hintOfStatus, networkFailure } from './daemon-client.ts';
import { EXIT_CODES } from './exit-codes.ts';

export interface AdminRequest<Schema extends z.ZodType> {
  readonly path: string;
  readonly method?: 'GET' | 'POST';
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly schema: Schema;
  /** Default one minute. */
  readonly timeoutMs?: number;
}

/** Calls the admin API of a running daemon. @throws CliError */
export async function adminRequest<Schema extends z.ZodType>(
  { url, token }: DaemonAddress,
  { path, method = 'GET', body, schema, timeoutMs = 60_000 }: AdminRequest<Schema>,
): Promise<z.output<Schema>> {
  let response: Response;
  try {
    response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw new CliError(`the daemon does not answer at ${url}: ${networkFailure(error)}`, {
      exitCode: EXIT_CODES.unreachable,
      hint: 'is it running? Start it with "avara-ingest serve"',
      cause: error,
    });
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) {
    const detail = typeof answer === 'object' && answer !== null && 'detail' in answer ? answer.detail : '';
    throw new CliError(`the daemon at ${url} refused (HTTP ${response.status}): ${String(detail)}`, {
      exitCode: EXIT_CODES.failed,
      hint: hintOfStatus(response.status),
    });
  }
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new CliError(`${url} answered in a way this version does not understand`, {
    exitCode: EXIT_CODES.failed,
    hint: 'does another program listen there, or a daemon of another version?',
  });
}
