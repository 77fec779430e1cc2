import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

import { z } from 'zod';

import { CliError } from './context.ts';
import { type DaemonAddress, networkFailure } from './daemon-client.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** One request to the admin API. @throws CliError where nobody answers, or the daemon refuses. */
export async function requestOf(
  { url, token }: DaemonAddress,
  path: string,
  init: RequestInit,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`${url}${path}`, {
      ...init,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        'content-type': 'application/json',
      },
    });
  } catch (error) {
    throw new CliError(`the daemon does not answer at ${url}: ${networkFailure(error)}`, {
      exitCode: EXIT_CODES.unreachable,
      hint: 'is it running? Start it with "avara-ingest serve"',
      cause: error,
    });
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => undefined);
  const detail = z.object({ detail: z.string() }).safeParse(body).data?.detail;
  throw new CliError(
    `the daemon at ${url} refused (HTTP ${response.status})${detail === undefined ? '' : `: ${detail}`}`,
    { exitCode: EXIT_CODES.failed },
  );
}

/** The lines of a streamed answer. They come from a daemon of this version: what they say needs no second look. */
export async function* linesOf<T>(response: Response): AsyncGenerator<T, void, undefined> {
  if (response.body === null) return;
  for await (const line of createInterface({ input: Readable.fromWeb(response.body) }))
    yield JSON.parse(line) as T;
}
