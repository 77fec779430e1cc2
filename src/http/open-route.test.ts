import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { storedInstance } from '../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../test/support/temporary-index.ts';
import { customerKey } from '../core/study/instance.ts';
import type { HttpEnv } from './env.ts';
import { createErrorHandler } from './errors.ts';
import { createOpenRoute } from './open-route.ts';

it('opens studies for tokens with the right to read, and for no other', async () => {
  const { index } = temporaryIndex();
  await index.addInstance(storedInstance());
  const token = (name: string, mayRead: boolean) => ({
    name,
    token: `token-that-${name}`,
    customers: [customerKey('city-medical')],
    mayRead,
    mayWrite: !mayRead,
  });
  const app = new Hono<HttpEnv>();
  app.onError(createErrorHandler(createRecordingLogger()));
  app.route(
    '/open',
    createOpenRoute({
      index,
      opener: {
        open: () => Promise.resolve({ kind: 'url', url: 'https://avara.example/s', product: 'viewer' }),
      },
      tokens: () => [token('reads', true), token('writes', false)],
      audit: { record: () => undefined },
      clock: createFakeClock(),
    }),
  );
  const open = async (given: string) =>
    (await app.request('/open/1.2.3', { headers: { authorization: `Bearer ${given}` } }, {})).status;
  expect(await open('token-that-reads')).toBe(302);
  expect(await open('token-that-writes')).toBe(401);
  expect(await open('token-that-is-not')).toBe(401);
});
