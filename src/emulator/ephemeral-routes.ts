import { Hono } from 'hono';
import { z } from 'zod';
import type { EmulatorEnv } from './env.ts';
import { ApiError } from './errors.ts';
import { readBody } from './read-request.ts';
import type { Directory } from './study-reply.ts';

/** As Avara states it. */
const LINK_LIFETIME_MS = 30_000;
const MAX_OPTIONS_BYTES = 3072;

const sessionSchema = z.strictObject({
  retrievalId: z.string().min(1),
  options: z
    .record(z.string(), z.unknown())
    .refine(
      (options) => Buffer.byteLength(JSON.stringify(options)) <= MAX_OPTIONS_BYTES,
      `at most ${MAX_OPTIONS_BYTES} bytes`,
    )
    .optional(),
  hangingProtocol: z
    .strictObject({
      layout: z.string().regex(/^[1-4]x[1-4]$/),
      viewportAssignments: z.array(z.string().nullable()),
    })
    .optional(),
});

/** The ephemeral session endpoint, to be mounted at `/v1/{product}/ephemeral-sessions`. */
export function createEphemeralRoutes({ directory }: { readonly directory: Directory }): Hono<EmulatorEnv> {
  const app = new Hono<EmulatorEnv>();
  app.post('/', async (c) => {
    const { retrievalId } = await readBody(c, sessionSchema);
    if (c.get('apiKey').webhookUrl === undefined)
      throw new ApiError(400, 'This API key has no study data webhook endpoint');
    const token = directory.state.createLink(`ret:${retrievalId}`, LINK_LIFETIME_MS);
    return c.json({ url: `${new URL(c.req.url).origin}/__emulator/sessions/${token}` });
  });
  return app;
}
