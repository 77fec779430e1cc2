import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AvaraCustomer } from '../../src/avara/customers.ts';
import { createDeliveryLoop } from '../../src/avara/delivery-loop.ts';
import { createStudyGateway } from '../../src/avara/study-gateway.ts';
import type { Outbox } from '../../src/core/ports/outbox.ts';
import type { StudyIndex } from '../../src/core/ports/study-index.ts';
import { customerKey } from '../../src/core/study/instance.ts';
import type { DeliveryState, Product } from '../../src/core/study/study.ts';
import { createAvaraEmulator } from '../../src/emulator/avara-emulator.ts';
import type { AvaraEmulator } from '../../src/emulator/avara-emulator.ts';
import { createSystemClock } from '../../src/platform/clock.ts';
import { openSqliteIndex } from '../../src/sqlite/study-index.ts';
import { ACCOUNT, accountOptions, VIEWER_CREATE } from '../support/emulated-account.ts';
import { createRecordingLogger } from '../support/recording-logger.ts';
import { storedInstance } from '../support/stored-instance.ts';

const PATIENT = { PatientName: 'Silva^Ana^Maria', PatientID: 'P-77', AccessionNumber: 'A1001' };

let emulator: AvaraEmulator;
let baseUrl: string;
let folder: string;
let index: StudyIndex;
let outbox: Outbox;
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  // The worst of what Avara may do with a second create: then only our own care keeps studies single.
  emulator = createAvaraEmulator({ ...accountOptions(), onDuplicate: 'second-study' });
  ({ url: baseUrl } = await emulator.start());
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'avara-delivery-'));
  ({ index, outbox } = openSqliteIndex({ filePath: path.join(folder, 'index.db') }));
});

afterEach(async () => {
  for (const daemon of running.splice(0)) await daemon.stop();
  await emulator.stop();
  index.close();
  fs.rmSync(folder, { recursive: true });
});

/** The delivering part of a daemon, with waits short enough for a test. */
function startDaemon(changes: Partial<AvaraCustomer['avara']> & { timeoutMs?: number } = {}) {
  const { timeoutMs = 10_000, ...avara } = changes;
  const logger = createRecordingLogger();
  const customers = new Map(
    (['city', 'harbour', 'closed'] as const).map((name) => [
      customerKey(name),
      {
        expressCustomerId: ACCOUNT[name],
        products: ['viewer', 'autoScribe'] as const,
        severity: 'normal' as const,
        avara: { baseUrl, apiKey: ACCOUNT.allKey, ...avara },
      },
    ]),
  );
  const gateway = createStudyGateway({ customers, version: '0.0.0', timeoutMs });
  const loop = createDeliveryLoop({
    outbox,
    gateway,
    customers,
    clock: createSystemClock(),
    logger,
    backoff: { baseMs: 20, capMs: 100 },
  });
  loop.start();
  const daemon = {
    loop,
    logger,
    customers,
    async stop() {
      const drained = loop.stop(5_000);
      gateway.close();
      await drained;
    },
  };
  running.push(daemon);
  return daemon;
}

/** Receives a study and settles it, as the intake would. */
async function addStudy(study: string, customer = 'city', products: readonly Product[] = ['viewer']) {
  const instance = storedInstance({
    customer,
    study,
    series: `${study}.1`,
    sop: `${study}.1.1`,
    studyAttributes: PATIENT,
  });
  await index.addInstance(instance);
  await index.settle(instance.key, instance.receivedAt, products, 1);
}

function deliveries(): { state: DeliveryState; lastError?: string; studyId?: string }[] {
  return index.listStudies({ limit: 1_000 }).studies.flatMap((study) => study.deliveries);
}

async function untilAll(state: DeliveryState): Promise<void> {
  await vi.waitFor(
    () => {
      expect(deliveries().map((delivery) => delivery.state)).toEqual(deliveries().map(() => state));
    },
    { timeout: 20_000, interval: 20 },
  );
}

const atAvara = () => emulator.state.studies();
const someFault = (type: 'reply-lost' | 'connection-reset') => ({ type }) as const;

describe('delivery to Avara', () => {
  it('creates a study for each product under its customer', async () => {
    await addStudy('1.2.3', 'harbour', ['viewer', 'autoScribe']);
    startDaemon();
    await untilAll('created');
    expect(atAvara()).toHaveLength(2);
    for (const study of atAvara()) {
      expect(study).toMatchObject({
        studyInstanceUid: '1.2.3',
        studyDescription: 'CT HEAD',
        expressCustomerId: ACCOUNT.harbour,
        metadata: { accessionNumber: 'A1001', sourceAeTitle: 'CT1', calledAeTitle: 'CITYMED' },
      });
    }
    const report = atAvara().find(({ product }) => product === 'autoScribe');
    expect(report).toMatchObject({
      externalPatientId: `${ACCOUNT.harbour}:P-77`,
      reportMetadata: { patientName: 'Ana Maria Silva', mrn: 'P-77' },
    });
    expect(new Set(deliveries().map(({ studyId }) => studyId))).toEqual(
      new Set(atAvara().map(({ studyId }) => studyId)),
    );
  });

  it.each([
    ['is lost after the study was made', { type: 'reply-lost' }],
    ['is a 500 after the study was made', { type: 'status', status: 500, afterCommit: true }],
    ['never comes though the study was made', { type: 'hang', afterCommit: true }],
    ['is cut in half', { type: 'invalid-json' }],
    ['has no study id', { type: 'missing-study-id' }],
  ] as const)('makes exactly one study where the answer %s', async (_, fault) => {
    emulator.faults.add({ match: { method: 'POST' }, times: 1, fault });
    await addStudy('1.2.3');
    startDaemon({ timeoutMs: 500 });
    await untilAll('created');
    expect(atAvara()).toHaveLength(1);
    expect(emulator.state.requests().filter(({ method }) => method === 'POST')).toHaveLength(1);
    expect(deliveries()).toMatchObject([{ studyId: atAvara()[0]?.studyId }]);
  });

  it('makes exactly one of each study over a network that loses half of everything', async () => {
    const probability = 0.25;
    emulator.faults.add({ probability, fault: someFault('reply-lost') });
    emulator.faults.add({ probability, fault: someFault('connection-reset') });
    emulator.faults.add({ probability: 0.2, fault: { type: 'status', status: 503, afterCommit: true } });
    for (let number = 0; number < 25; number++) await addStudy(`1.2.${number}`);
    startDaemon();
    await untilAll('created');
    expect(atAvara()).toHaveLength(25);
    expect(new Set(atAvara().map(({ studyInstanceUid }) => studyInstanceUid)).size).toBe(25);
  });

  it('sits out an outage, over a restart', async () => {
    await emulator.stop();
    await addStudy('1.2.3');
    await addStudy('1.2.4');
    const before = startDaemon();
    await vi.waitFor(() => expect(before.loop.status().outcomes.postponed).toBeGreaterThan(3));
    expect(before.logger.messages('warn')).toHaveLength(1);
    await before.stop();
    startDaemon();
    await emulator.start();
    await untilAll('created');
    expect(atAvara()).toHaveLength(2);
  });

  it('leaves a study that Avara has under another customer to the operator', async () => {
    await fetch(`${baseUrl}/v1/viewer/studies`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ACCOUNT.allKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...VIEWER_CREATE, studyInstanceUid: '1.2.3', expressCustomerId: ACCOUNT.city }),
    });
    await addStudy('1.2.3', 'harbour');
    startDaemon();
    await untilAll('attention');
    expect(deliveries()[0]?.lastError).toMatch(/another Express customer/);
    expect(atAvara()).toHaveLength(1);
  });

  it('shows Avara’s words, and no patient data, where it will not take a study', async () => {
    await addStudy('1.2.3', 'closed', ['autoScribe']);
    emulator.faults.add({
      match: { method: 'POST' },
      times: 1,
      fault: { type: 'status', status: 422, message: 'reportMetadata.patientName: Ana Maria Silva is bad' },
    });
    const { logger } = startDaemon();
    await untilAll('attention');
    expect(deliveries()[0]?.lastError).toBe('Avara answered 422: reportMetadata.patientName: […] is bad');
    expect(JSON.stringify(logger.lines)).not.toMatch(/Silva|P-77|sk_live/);
  });

  it('holds a refused key back with one alarm and keeps its studies', async () => {
    for (let number = 0; number < 10; number++) await addStudy(`1.2.${number}`);
    const { loop, logger, customers } = startDaemon({ apiKey: 'sk_live_revoked' });
    await vi.waitFor(() => {
      expect(loop.status()).toMatchObject({ inFlight: [], apiKeys: [{ state: 'refused' }] });
    });
    expect(new Set(deliveries().map(({ state }) => state))).toEqual(new Set(['pending']));
    expect(logger.messages('error')).toHaveLength(1);
    for (const [name, customer] of customers) {
      customers.set(name, { ...customer, avara: { baseUrl, apiKey: ACCOUNT.allKey } });
    }
    loop.wake();
    await untilAll('created');
    expect(atAvara()).toHaveLength(10);
  });

  it('waits as long as Avara asks with all studies of the key', async () => {
    const asked = { type: 'status', status: 429, retryAfter: { ms: 400 } } as const;
    emulator.faults.add({ times: 1, fault: asked });
    for (let number = 0; number < 12; number++) await addStudy(`1.2.${number}`);
    const { loop } = startDaemon();
    await vi.waitFor(() => expect(loop.status().apiKeys[0]?.state).toBe('rate-limited'));
    await untilAll('created');
    expect(loop.status().apiKeys[0]?.state).toBe('open');
    expect(atAvara()).toHaveLength(12);
  });
});
