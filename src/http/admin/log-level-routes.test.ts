import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createLogLevelControl } from '../../observability/log-level.ts';
import { createLogger } from '../../observability/logger.ts';
import { createErrorHandler } from '../errors.ts';
import { createLogLevelRoutes } from './log-level-routes.ts';

function setUp() {
  const logger = createLogger({ destination: { write: () => undefined } });
  const clock = createFakeClock(Date.UTC(2026, 0, 1));
  const app = createLogLevelRoutes(createLogLevelControl({ logger, configured: 'info', clock }));
  app.onError(createErrorHandler(logger));
  return { app, clock };
}

describe('/api/log-level', () => {
  it('sets a level for a time and shows it', async () => {
    const { app, clock } = setUp();
    const set = await app.request('/api/log-level?level=debug&seconds=60', { method: 'POST' });
    const state = { level: 'debug', configured: 'info', until: '2026-01-01T00:01:00.000Z' };
    expect(await set.json()).toEqual(state);
    expect(await (await app.request('/api/log-level')).json()).toEqual(state);
    clock.advance(60_000);
    const after = { level: 'info', configured: 'info', until: null };
    expect(await (await app.request('/api/log-level')).json()).toEqual(after);
  });

  it.each(['level=loud', '', 'level=debug&seconds=0', 'level=debug&seconds=86401', 'level=debug&seconds=x'])(
    'refuses "%s"',
    async (query) => {
      const { app } = setUp();
      expect((await app.request(`/api/log-level?${query}`, { method: 'POST' })).status).toBe(400);
      expect(await (await app.request('/api/log-level')).json()).toMatchObject({ level: 'info' });
    },
  );
});
