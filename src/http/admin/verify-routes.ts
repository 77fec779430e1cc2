import { Hono } from 'hono';
import { z } from 'zod';

import type { ProofRequest } from '../../core/proof/proof-run.ts';
import { VerificationBusyError, type Verifier } from '../../core/proof/verifier.ts';
import { parseCustomerKey } from '../../core/study/instance.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { HttpEnv } from '../env.ts';
import { HttpProblem } from '../errors.ts';
import { readBody } from '../read-body.ts';

const MAX_BODY_BYTES = 16 * 1024;
const BODY_TIMEOUT_MS = 10_000;

const requestSchema = z.strictObject({
  customer: z
    .string()
    .transform((text, context) => parseCustomerKey(text) ?? refuse(context, 'must be the key of a customer'))
    .optional(),
  study: z
    .string()
    .transform((text, context) => parseUid(text) ?? refuse(context, 'must be a UID'))
    .optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  offline: z.boolean().default(false),
  quick: z.boolean().default(false),
  repair: z.boolean().default(false),
  setAside: z.boolean().default(false),
  maxBytesPerSecond: z.number().min(0).default(0),
});

function refuse(context: z.RefinementCtx<string>, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}

/** `POST /api/verify`: proves, or names the exceptions; one JSON event a line, see docs/api.md. */
export function createVerifyRoutes({ verifier }: { readonly verifier: Verifier }): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.post('/api/verify', async (c) => {
    const body = await readBody(c.req.raw, { maxBytes: MAX_BODY_BYTES, timeoutMs: BODY_TIMEOUT_MS });
    const request = readRequest(body);
    const gone = new AbortController();
    const lines = new TransformStream<Uint8Array, Uint8Array>();
    const writer = lines.writable.getWriter();
    writer.closed.catch(() => {
      gone.abort();
    });
    let hasBegun = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      hasBegun = resolve;
    });
    const work = verifier.verify(request, gone.signal, async (event) => {
      hasBegun();
      await writer.write(Buffer.from(`${JSON.stringify(event)}\n`)).catch(() => {
        gone.abort();
      });
    });
    work.then(
      () => writer.close().catch(() => undefined),
      (error: unknown) => writer.abort(error).catch(() => undefined),
    );
    try {
      await Promise.race([begun, work]);
    } catch (error) {
      if (error instanceof VerificationBusyError)
        throw new HttpProblem(409, { code: 'verification-running', detail: `${error.message}.` });
      throw error;
    }
    return c.body(lines.readable, 200, { 'Content-Type': 'application/x-ndjson' });
  });
  return app;
}

function readRequest(body: Buffer): ProofRequest {
  let value: unknown = {};
  try {
    if (body.length > 0) value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new HttpProblem(400, { code: 'bad-request', detail: 'The body must be JSON.' });
  }
  const parsed = requestSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const detail = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}`;
    throw new HttpProblem(400, { code: 'bad-request', detail });
  }
  const { customer, study, since, ...rest } = parsed.data;
  return {
    ...rest,
    selection: {
      ...(customer !== undefined && { customer }),
      ...(study !== undefined && { studyInstanceUid: study }),
      ...(since !== undefined && { receivedSince: Date.parse(since) }),
    },
  };
}
