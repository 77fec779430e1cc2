import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { AvaraCustomer } from '../../src/avara/customers.ts';
import { createDeliveryLoop } from '../../src/avara/delivery-loop.ts';
import { createStudyGateway } from '../../src/avara/study-gateway.ts';
import type { Clock } from '../../src/core/ports/clock.ts';
import type { StudyGateway } from '../../src/core/ports/study-gateway.ts';
import { customerKey, type CustomerKey } from '../../src/core/study/instance.ts';
import type { StudyRecord } from '../../src/core/study/study.ts';
import { uid } from '../../src/dicom/uid.ts';
import { apiKeyIdOf } from '../../src/emulator/ids.ts';
import { createAvaraEmulator, type AvaraEmulator } from '../../src/emulator/avara-emulator.ts';
import type { FaultRule } from '../../src/emulator/faults.ts';
import { openSqliteIndex } from '../../src/sqlite/study-index.ts';
import { createRecordingLogger } from '../support/recording-logger.ts';
import { storedInstance } from '../support/stored-instance.ts';
import { waitUntil } from '../support/wait-until.ts';

/** More by environment: `AVARA_INGEST_CHAOS_STUDIES=1000`. */
const STUDIES = Number(process.env.AVARA_INGEST_CHAOS_STUDIES ?? '120');
const RESTARTS = 4;
const CONCURRENCY = 4;
/** Waits of minutes pass in seconds. */
const TIME_FACTOR = 100;
const TIMEOUT_MS = 60_000 + STUDIES * 600;

const POST = { method: 'POST', path: '/studies$' };
/** Every fault that the emulator has, each rare enough for studies to get through between them. */
const FAULTS: readonly FaultRule[] = [
  { fault: { type: 'latency', ms: 15 }, probability: 0.1 },
  ...[408, 409, 500, 502].map((status) => ({
    fault: { type: 'status', status } as const,
    probability: 0.02,
  })),
  { fault: { type: 'status', status: 503, retryAfter: { seconds: 1 } }, probability: 0.02 },
  { fault: { type: 'status', status: 429, retryAfter: { ms: 500 } }, probability: 0.01 },
  { fault: { type: 'status', status: 429, retryAfter: { dateInMs: 500 } }, probability: 0.01 },
  { fault: { type: 'status', status: 401 }, probability: 0.004 },
  { fault: { type: 'status', status: 403 }, probability: 0.004 },
  { fault: { type: 'status', status: 422, message: 'not to my taste' }, match: POST, probability: 0.03 },
  { fault: { type: 'status', status: 400, shouldRetry: true }, probability: 0.02 },
  { fault: { type: 'status', status: 503, shouldRetry: false }, match: POST, probability: 0.02 },
  { fault: { type: 'status', status: 500, afterCommit: true }, match: POST, probability: 0.05 },
  {
    fault: { type: 'status', status: 503, afterCommit: true, shouldRetry: false },
    match: POST,
    probability: 0.03,
  },
  { fault: { type: 'reply-lost' }, probability: 0.05 },
  { fault: { type: 'connection-reset' }, probability: 0.03 },
  { fault: { type: 'hang' }, probability: 0.01 },
  { fault: { type: 'hang', afterCommit: true }, match: POST, probability: 0.03 },
  { fault: { type: 'wrong-customer', in: 'reply' }, match: POST, probability: 0.02 },
  { fault: { type: 'wrong-customer', in: 'state' }, match: POST, probability: 0.02 },
  { fault: { type: 'missing-study-id' }, probability: 0.02 },
  { fault: { type: 'invalid-json' }, probability: 0.02 },
  { fault: { type: 'slow-body', durationMs: 60 }, probability: 0.02 },
];
/** Why a study may rest with the operator; anything else would be an invention. */
const TRUE_REASONS =
  /answered 422: not to my taste|asks not to send it again|under another Express customer|under no Express customer/;

const SHARED = `sk_live_${'a'.repeat(32)}`;
const OWN = `sk_live_${'b'.repeat(32)}`;
const CUSTOMERS = [
  { name: 'city', id: `cus_${'1'.repeat(32)}`, key: SHARED },
  { name: 'port', id: `cus_${'2'.repeat(32)}`, key: SHARED },
  { name: 'hill', id: `cus_${'3'.repeat(32)}`, key: OWN },
] as const;
const PRODUCTS = ['viewer', 'autoScribe'] as const;

let emulator: AvaraEmulator;
let folder: string;
let baseUrl: string;
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'chaos-'));
  emulator = createAvaraEmulator({
    // What a create sent twice would come to, plain to see.
    onDuplicate: 'second-study',
    seed: 7,
    apiKeys: [SHARED, OWN].map((key) => ({
      key,
      description: key,
      studyScope: 'self',
      webhookSecret: 'whsec_aW5nZXN0LXRlc3Qta2V5LTAx',
      expressAccess: 'read',
    })),
    expressCustomers: CUSTOMERS.map(({ id, name }) => ({ id, name, isActive: true })),
  });
  baseUrl = (await emulator.start()).url;
});
afterEach(async () => {
  await emulator.stop();
  await fs.rm(folder, { recursive: true, force: true });
});

function fastClock(): Clock {
  const start = Date.now();
  return {
    now: () => start + (Date.now() - start) * TIME_FACTOR,
    after(ms, callback) {
      const timer = setTimeout(callback, ms / TIME_FACTOR);
      return () => clearTimeout(timer);
    },
  };
}

/** Counts how many calls are under way. */
function metered(gateway: StudyGateway): StudyGateway & { readonly most: () => number } {
  let underway = 0;
  let most = 0;
  const count = async <T>(call: Promise<T>): Promise<T> => {
    underway += 1;
    most = Math.max(most, underway);
    try {
      return await call;
    } finally {
      underway -= 1;
    }
  };
  return {
    find: (study, product) => count(gateway.find(study, product)),
    findOfCustomer: (study, product) => count(gateway.findOfCustomer(study, product)),
    create: (study, product) => count(gateway.create(study, product)),
    update: (...given) => count(gateway.update(...given)),
    setCancelled: (...given) => count(gateway.setCancelled(...given)),
    describe: (study, product) => gateway.describe(study, product),
    expectedExpressCustomerId: (study) => gateway.expectedExpressCustomerId(study),
    most: () => most,
  };
}

/** The part of the daemon that delivers, over what an earlier one left on disk. */
function boot(clock: Clock) {
  const { index, outbox } = openSqliteIndex({ filePath: path.join(folder, 'index.db') });
  const customers = new Map<CustomerKey, AvaraCustomer>(
    CUSTOMERS.map(({ name, id, key }) => [
      customerKey(name),
      { expressCustomerId: id, products: PRODUCTS, severity: 'normal', avara: { baseUrl, apiKey: key } },
    ]),
  );
  const real = createStudyGateway({ customers, version: '0', timeoutMs: 250 });
  const gateway = metered(real);
  const logger = createRecordingLogger();
  const loop = createDeliveryLoop({ outbox, gateway, customers, clock, logger, concurrency: CONCURRENCY });
  loop.start();
  /** As a kill would: what is under way is cut off, and nobody writes down how it went. */
  const crash = (): void => {
    real.close();
    void loop.stop(0);
    index.close();
  };
  return { index, outbox, loop, gateway, logger, crash };
}

describe('deliveries to an Avara that fails in every way it can', () => {
  it(
    `end as one study each under their customer, or in attention with the reason, over ${RESTARTS} crashes`,
    async () => {
      const clock = fastClock();
      let daemon = boot(clock);
      const keys = Array.from({ length: STUDIES }, (_, at) => ({
        customer: customerKey(CUSTOMERS[at % CUSTOMERS.length]?.name ?? ''),
        // Two accounts share some UIDs.
        studyInstanceUid: uid(`1.2.${at % CUSTOMERS.length === 2 ? at - 1 : at}.7`),
      }));
      for (const { customer, studyInstanceUid: study } of keys)
        await daemon.index.addInstance(storedInstance({ customer, study, receivedAt: 1 }));
      for (const rule of FAULTS) emulator.faults.add(rule);
      for (const key of keys) await daemon.index.settle(key, 1, PRODUCTS, clock.now());
      daemon.loop.wake();

      const all = (): readonly StudyRecord[] => keys.flatMap((key) => daemon.index.findStudy(key) ?? []);
      // Cheap enough to be asked all the time.
      const open = (): number => daemon.index.totals().deliveries.pending;
      for (let crashes = 1; crashes <= RESTARTS; crashes += 1) {
        const goal = Math.floor(keys.length * 2 * (1 - crashes / (RESTARTS + 1)));
        await waitUntil('the next crash', () => (open() <= goal ? true : undefined), TIMEOUT_MS);
        daemon.crash();
        daemon = boot(clock);
      }
      await waitUntil('nothing is under way', () => (open() === 0 ? true : undefined), TIMEOUT_MS);
      expect(emulator.faults.list().filter(({ struck }) => struck > 0).length).toBeGreaterThan(15);
      checkOutcome(all());
      expect(daemon.gateway.most()).toBeLessThanOrEqual(CONCURRENCY);

      emulator.faults.clear();
      await daemon.outbox.retryAll(undefined, clock.now());
      daemon.loop.wake();
      await waitUntil('the operator’s retries are over', () => (open() === 0 ? true : undefined), TIMEOUT_MS);
      checkOutcome(all());
      // What is left is wrong at Avara itself, and stays with the operator.
      for (const { lastError } of all().flatMap(({ deliveries }) => deliveries.filter(isInAttention)))
        expect(lastError).toMatch(/under another Express customer/);
      daemon.crash();
    },
    TIMEOUT_MS,
  );

  it('raises one alarm for a dead key, and asks seldom while it is dead', async () => {
    const clock = fastClock();
    const daemon = boot(clock);
    const rule = emulator.faults.add({ fault: { type: 'status', status: 401 } });
    const keys = Array.from({ length: 50 }, (_, at) => ({
      customer: customerKey('hill'),
      studyInstanceUid: uid(`1.3.${at}`),
    }));
    for (const { customer, studyInstanceUid: study } of keys)
      await daemon.index.addInstance(storedInstance({ customer, study, receivedAt: 1 }));
    for (const key of keys) await daemon.index.settle(key, 1, ['viewer'], clock.now());
    daemon.loop.wake();
    await waitUntil('some probes', () => (emulator.state.requests().length >= 6 ? true : undefined));
    expect(daemon.logger.messages('error')).toHaveLength(1);
    expect(emulator.state.requests().length).toBeLessThan(15);
    emulator.faults.remove(rule);
    daemon.loop.probeNow();
    await waitUntil('all are there', () =>
      keys.every((key) => daemon.index.findStudy(key)?.deliveries[0]?.state === 'created') ? true : undefined,
    );
    daemon.crash();
  });
});

type Delivery = StudyRecord['deliveries'][number];

function isInAttention({ state }: Delivery): boolean {
  return state === 'attention';
}

function checkOutcome(studies: readonly StudyRecord[]): void {
  expect(studies).toHaveLength(STUDIES);
  for (const { key, deliveries } of studies) {
    const customer = CUSTOMERS.find(({ name }) => name === key.customer);
    expect(deliveries).toHaveLength(PRODUCTS.length);
    for (const { product, state, studyId, lastError } of deliveries) {
      const there = emulator.state
        .findStudiesByUid(product, key.studyInstanceUid)
        .filter(({ createdByApiKeyId }) => createdByApiKeyId === apiKeyIdOf(customer?.key ?? ''));
      expect(there.length, `${product} ${key.studyInstanceUid}: ${lastError ?? ''}`).toBeLessThanOrEqual(1);
      if (state === 'created')
        expect(there).toMatchObject([{ studyId, expressCustomerId: customer?.id, isCancelled: false }]);
      else expect(lastError).toMatch(TRUE_REASONS);
    }
  }
}
