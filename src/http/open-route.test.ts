import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { storedInstance } from '../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../test/support/temporary-index.ts';
import type { RemovalRecord } from '../core/ports/removals.ts';
import { customerKey } from '../core/study/instance.ts';
import { uid } from '../dicom/uid.ts';
import type { HttpEnv } from './env.ts';
import { createErrorHandler } from './errors.ts';
import { createOpenRoute } from './open-route.ts';
import type { OpenRouteOptions } from './open-route.ts';

const STUDY = uid('1.2.3');
const KEY = { customer: customerKey('city-medical'), studyInstanceUid: STUDY };

const token = (name: string, mayRead: boolean) => ({
  name,
  token: `token-that-${name}`,
  customers: [KEY.customer],
  mayRead,
  mayWrite: !mayRead,
});

/** @returns the status for a bearer token. */
function openerOf(index: OpenRouteOptions['index']): (given: string) => Promise<number> {
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
  return async (given) => {
    const headers = { authorization: `Bearer ${given}` };
    return (await app.request(`/open/${STUDY}`, { headers }, {})).status;
  };
}

async function indexedStudy() {
  const { index } = temporaryIndex();
  await index.addInstance(storedInstance());
  return index;
}

it('opens studies for tokens with the right to read, and for no other', async () => {
  const open = openerOf(await indexedStudy());
  expect(await open('token-that-reads')).toBe(302);
  expect(await open('token-that-writes')).toBe(401);
  expect(await open('token-that-is-not')).toBe(401);
});

it('opens no study for the customer that it was moved away from', async () => {
  const index = await indexedStudy();
  // As it is listed until Avara has cancelled it.
  const emptied = index.findStudiesByUid(STUDY).map((study) => ({ ...study, instances: 0 }));
  const removal: RemovalRecord = {
    id: 1,
    key: KEY,
    why: 'moved',
    instances: 1,
    bytes: 1,
    firstReceivedAt: 0,
    lastReceivedAt: 0,
    removedAt: 0,
    files: 'removed',
    deliveries: [],
  };
  const open = openerOf({ findStudiesByUid: () => emptied, findRemovals: () => [removal] });
  expect(await open('token-that-reads')).toBe(410);
  expect(
    await openerOf({ findStudiesByUid: () => emptied, findRemovals: () => [] })('token-that-reads'),
  ).toBe(404);
});
