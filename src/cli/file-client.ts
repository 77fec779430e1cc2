import { z } from 'zod';

import type { ImportEvent, ImportRequest } from '../core/ports/file-intake.ts';
import { CliError } from './context.ts';
import { linesOf, requestOf } from './admin-stream.ts';
import type { DaemonAddress } from './daemon-client.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** How long an answer may take that is not an import, milliseconds: a retry reads files. */
const REQUEST_TIMEOUT_MS = 600_000;

const entrySchema = z.object({
  id: z.string(),
  customer: z.string(),
  source: z.string(),
  code: z.string(),
  reason: z.string(),
  path: z.string(),
  member: z.string().optional(),
  bytes: z.number(),
  quarantinedAt: z.string(),
  attempts: z.number(),
  file: z.string().optional(),
});
export type ListedQuarantineEntry = z.output<typeof entrySchema>;

const answerSchema = z.object({
  records: z.array(
    z.object({
      customer: z.string(),
      source: z.string(),
      path: z.string(),
      bytes: z.number(),
      outcome: z.string(),
      key: z
        .object({ studyInstanceUid: z.string(), seriesInstanceUid: z.string(), sopInstanceUid: z.string() })
        .optional(),
      code: z.string().optional(),
      reason: z.string().optional(),
      quarantineId: z.string().optional(),
      place: z.string(),
      at: z.string(),
    }),
  ),
  quarantined: z.array(entrySchema),
  waiting: z.array(z.object({ path: z.string(), customer: z.string(), why: z.string() })),
});
export type FileAnswerDocument = z.output<typeof answerSchema>;

/** The part of the admin API that is about files. Every call throws {@link CliError} where it cannot be done. */
export interface FileClient {
  find(name: string): Promise<FileAnswerDocument>;
  quarantined(
    limit: number,
    customer: string | undefined,
  ): Promise<{ total: number; entries: readonly ListedQuarantineEntry[] }>;
  retryQuarantined(options: {
    id?: string | undefined;
    customer?: string | undefined;
    asIs: boolean;
  }): Promise<{ tried: number; stored: number }>;
  import(request: ImportRequest, signal: AbortSignal): AsyncIterable<ImportEvent>;
}

export function createFileClient({ url, token }: DaemonAddress): FileClient {
  const request = (path: string, init: RequestInit): Promise<Response> =>
    requestOf({ url, token }, path, init);
  async function call<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    method: 'GET' | 'POST' = 'GET',
  ): Promise<z.output<Schema>> {
    const response = await request(path, { method, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    const parsed = schema.safeParse(await response.json().catch(() => undefined));
    if (parsed.success) return parsed.data;
    throw new CliError(`${url} answered in a way this version does not understand`, {
      exitCode: EXIT_CODES.failed,
    });
  }

  return {
    find: (name) => call(`/api/files?${new URLSearchParams({ name }).toString()}`, answerSchema),
    quarantined: (limit, customer) =>
      call(
        `/api/quarantine?${queryOf({ limit: String(limit), customer })}`,
        z.object({ total: z.number(), entries: z.array(entrySchema) }),
      ),
    retryQuarantined: ({ id, customer, asIs }) =>
      call(
        `/api/quarantine/retry?${queryOf({ id, customer, asIs: asIs ? 'true' : undefined })}`,
        z.object({ tried: z.number(), stored: z.number() }),
        'POST',
      ),
    async *import(importRequest, signal) {
      const body = JSON.stringify(importRequest);
      const response = await request('/api/import', { method: 'POST', body, signal });
      yield* linesOf<ImportEvent>(response);
    },
  };
}

function queryOf(values: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, value);
  return query.toString();
}
