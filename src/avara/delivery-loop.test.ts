import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import {
  createFakeStudyGateway,
  REPLY_LOST,
  UNAUTHORIZED,
  UNREACHABLE,
} from '../../test/support/fake-study-gateway.ts';
import { createInMemoryOutbox } from '../../test/support/in-memory-outbox.ts';
import type { InMemoryOutbox } from '../../test/support/in-memory-outbox.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { studyRecord } from '../../test/support/study-records.ts';
import { customerKey } from '../core/study/instance.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { AvaraCustomer } from './customers.ts';
import { createDeliveryLoop } from './delivery-loop.ts';

const SHARED_KEY = 'sk_live_shared';
const OWN_KEY = 'sk_live_own';

function customer(apiKey: string): AvaraCustomer {
  return {
    expressCustomerId: 'cus_x',
    products: ['viewer'],
    severity: 'normal',
    avara: { baseUrl: 'https://avara.example', apiKey },
  };
}

/** city and port share an API key, hill has its own. */
function setUp(outbox: InMemoryOutbox = createInMemoryOutbox(), concurrency = 4) {
  const gateway = createFakeStudyGateway();
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const customers = new Map<CustomerKey, AvaraCustomer>([
    [customerKey('city'), customer(SHARED_KEY)],
    [customerKey('port'), customer(SHARED_KEY)],
    [customerKey('hill'), customer(OWN_KEY)],
  ]);
  const loop = createDeliveryLoop({
    outbox,
    gateway,
    customers,
    clock,
    logger,
    concurrency,
    random: () => 0.5,
  });
  let added = 0;
  const add = (of = 'city', study = `1.2.${++added}`) => outbox.add(studyRecord({ customer: of, study }));
  const states = () => outbox.rows().map(({ state }) => state);
  return { outbox, gateway, clock, logger, customers, loop, add, states };
}

/** Lets everything run that waits for no timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await nextTurn();
}

describe('createDeliveryLoop', () => {
  it('delivers what is due at its start, and what a wake announces', async () => {
    const { gateway, loop, add, states } = setUp();
    add();
    loop.start();
    await settle();
    expect(states()).toEqual(['created']);
    add();
    loop.wake();
    await settle();
    expect(states()).toEqual(['created', 'created']);
    expect(gateway.creates).toBe(2);
  });

  it('does nothing before its start', async () => {
    const { gateway, loop, add } = setUp();
    add();
    loop.wake();
    await settle();
    expect(gateway.calls).toEqual([]);
  });

  it('works on no more than its share at once, and on all in the end', async () => {
    const { gateway, loop, add, states } = setUp(undefined, 3);
    for (let count = 0; count < 20; count++) add();
    loop.start();
    await settle();
    await settle();
    expect(states()).toEqual(Array(20).fill('created'));
    expect(gateway.mostAtOnce).toBe(3);
  });

  it('sits out an outage and announces its begin and end once', async () => {
    const { gateway, clock, logger, loop, add, states } = setUp();
    for (let count = 0; count < 6; count++) add();
    gateway.fault = () => UNREACHABLE;
    const startedAt = clock.now();
    loop.start();
    for (let minute = 0; minute < 60; minute++) {
      await settle();
      clock.advance(60_000);
    }
    expect(states()).toEqual(Array(6).fill('pending'));
    expect(loop.status().apiKeys[0]).toMatchObject({ state: 'open', unreachableSince: startedAt });
    gateway.fault = () => undefined;
    clock.advance(600_000);
    await settle();
    expect(states()).toEqual(Array(6).fill('created'));
    expect(gateway.creates).toBe(6);
    expect(logger.messages('warn')).toEqual(['Avara cannot be reached: deliveries are repeated']);
    expect(logger.messages('info').filter((message) => message === 'Avara answers again')).toHaveLength(1);
    expect(loop.status().apiKeys[0]).not.toHaveProperty('unreachableSince');
  });

  it('goes on after a restart without a second create', async () => {
    const { outbox, gateway, loop, add } = setUp();
    add();
    gateway.fault = (call) => (call === 'create' ? REPLY_LOST : undefined);
    loop.start();
    await settle();
    await loop.stop(1_000);

    const next = setUp(outbox);
    const { loop: restarted, clock } = next;
    next.gateway.find = (study, product) => gateway.find(study, product);
    gateway.fault = () => undefined;
    restarted.start();
    clock.advance(10_000);
    await settle();
    expect(outbox.rows()).toMatchObject([{ state: 'created', avaraStudyId: 'stu_1', attempts: 2 }]);
    expect([gateway.creates, next.gateway.creates]).toEqual([1, 0]);
  });

  describe('with a refused API key', () => {
    it('raises one alarm, holds back the key alone and keeps its studies pending', async () => {
      const { outbox, gateway, logger, loop, add } = setUp();
      for (let count = 0; count < 10; count++) add(count % 2 === 0 ? 'city' : 'port');
      const free = add('hill');
      gateway.fault = (_, study) => (study.key.customer === 'hill' ? undefined : UNAUTHORIZED);
      loop.start();
      await settle();
      expect(outbox.row(free).state).toBe('created');
      expect(outbox.rows().filter(({ state }) => state === 'pending')).toHaveLength(10);
      expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
      expect(JSON.stringify(logger.lines)).not.toMatch(/sk_live/);
      expect(JSON.stringify(loop.status())).not.toMatch(/sk_live/);
      expect(loop.status().apiKeys).toMatchObject([
        { customers: ['city', 'port'], state: 'refused', reason: UNAUTHORIZED.message },
        { customers: ['hill'], state: 'open' },
      ]);
      const sent = gateway.calls.length;
      loop.wake();
      await settle();
      expect(gateway.calls).toHaveLength(sent);
    });

    it('probes with one study after 1, 2, 5 and then every 10 minutes', async () => {
      const { gateway, clock, logger, loop, add } = setUp();
      for (let count = 0; count < 8; count++) add();
      gateway.fault = () => UNAUTHORIZED;
      loop.start();
      await settle();
      let sent = gateway.calls.length;
      const probedAt: number[] = [];
      for (let minute = 1; minute <= 30; minute++) {
        clock.advance(60_000);
        await settle();
        expect(gateway.calls.length - sent).toBeLessThanOrEqual(1);
        if (gateway.calls.length > sent) probedAt.push(minute);
        sent = gateway.calls.length;
      }
      expect(probedAt).toEqual([1, 3, 8, 18, 28]);
      expect(logger.messages('error')).toHaveLength(1);
    });

    it('delivers everything once a probe gets through, and says so once', async () => {
      const { gateway, clock, logger, loop, add, states } = setUp();
      for (let count = 0; count < 8; count++) add();
      gateway.fault = () => UNAUTHORIZED;
      loop.start();
      await settle();
      gateway.fault = () => undefined;
      clock.advance(60_000);
      await settle();
      expect(states()).toEqual(Array(8).fill('created'));
      expect(logger.messages('info').filter((message) => message.includes('works again'))).toHaveLength(1);
    });

    it('probes at once when an operator says so', async () => {
      const { gateway, loop, add, states } = setUp();
      add();
      gateway.fault = () => UNAUTHORIZED;
      loop.start();
      await settle();
      gateway.fault = () => undefined;
      loop.probeNow();
      await settle();
      expect(states()).toEqual(['created']);
    });

    it('does not let one study decide over the key for ever', async () => {
      const { gateway, clock, loop, add, states } = setUp();
      add('city', '1.2.3');
      add('port', '1.2.4');
      gateway.fault = (_, study) => (study.key.studyInstanceUid === '1.2.3' ? UNAUTHORIZED : undefined);
      gateway.gate = Promise.resolve();
      loop.start();
      await settle();
      clock.advance(60_000);
      await settle();
      clock.advance(120_000);
      await settle();
      expect(states()[1]).toBe('created');
    });

    it('works again at once with a new key in the configuration', async () => {
      const { customers, gateway, loop, add, states } = setUp();
      add('hill');
      gateway.fault = () => UNAUTHORIZED;
      loop.start();
      await settle();
      gateway.fault = () => undefined;
      customers.set(customerKey('hill'), customer('sk_live_new'));
      loop.wake();
      await settle();
      expect(states()).toEqual(['created']);
    });
  });

  it('holds one customer alone where a 403 may concern it alone', async () => {
    const { gateway, clock, logger, loop, add, states } = setUp();
    gateway.fault = (_, study) =>
      study.key.customer === 'port'
        ? { kind: 'unauthorized', message: 'Avara answered 403', scope: 'customer' }
        : undefined;
    for (const of of ['port', 'port', 'city', 'hill']) add(of);
    loop.start();
    await settle();
    expect(states()).toEqual(['pending', 'pending', 'created', 'created']);
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(loop.status().apiKeys[0]).toMatchObject({
      state: 'open',
      heldCustomers: [{ customer: 'port', reason: 'Avara answered 403' }],
    });
    gateway.fault = () => undefined;
    await clock.advanceAsync(60_000);
    await settle();
    expect(states()).toEqual(['created', 'created', 'created', 'created']);
    expect(loop.status().apiKeys[0]).not.toHaveProperty('heldCustomers');
  });

  it('holds the key once two of its customers are refused', async () => {
    const { gateway, loop, add, states } = setUp();
    gateway.fault = (_, study) =>
      study.key.customer === 'hill'
        ? undefined
        : { kind: 'unauthorized', message: 'Avara answered 403', scope: 'customer' };
    for (const of of ['port', 'city', 'hill']) add(of);
    loop.start();
    await settle();
    expect(states()).toEqual(['pending', 'pending', 'created']);
    expect(loop.status().apiKeys[0]).toMatchObject({ state: 'refused' });
    expect(loop.status().apiKeys[0]).not.toHaveProperty('heldCustomers');
  });

  describe('with a rate limit', () => {
    const TOO_MANY = { kind: 'transient', message: 'Avara answered 429', isRateLimit: true } as const;

    it('sends nothing with that key before the time the server names', async () => {
      const { outbox, gateway, clock, logger, loop, add, states } = setUp();
      for (let count = 0; count < 8; count++) add();
      gateway.fault = () => ({ ...TOO_MANY, retryAfterMs: 30_000 });
      loop.start();
      await settle();
      const sent = gateway.calls.length;
      expect(sent).toBeLessThanOrEqual(4);
      const free = add('hill');
      gateway.fault = () => undefined;
      loop.wake();
      clock.advance(29_999);
      await settle();
      expect(outbox.row(free).state).toBe('created');
      expect(gateway.calls.length - sent).toBe(2);
      clock.advance(5_000);
      await settle();
      clock.advance(30_000);
      await settle();
      expect(states()).toEqual(Array(9).fill('created'));
      expect(logger.messages('warn')).toHaveLength(1);
    });

    it('does not send the create of a study already looked up', async () => {
      const { gateway, loop, add, outbox } = setUp();
      const first = add('city', '1.2.3');
      add('city', '1.2.4');
      let open: () => void = () => undefined;
      const opened = new Promise<void>((resolve) => (open = resolve));
      gateway.gate = opened;
      gateway.fault = (call, study) =>
        call === 'find' && study.key.studyInstanceUid === '1.2.3'
          ? { ...TOO_MANY, retryAfterMs: 30_000 }
          : undefined;
      loop.start();
      await settle();
      open();
      await settle();
      expect(gateway.creates).toBe(0);
      expect(outbox.rows().map(({ state }) => state)).toEqual(['pending', 'pending']);
      expect(outbox.row(first).error).toBe(TOO_MANY.message);
    });

    it('backs off further while the server goes on refusing', async () => {
      const { gateway, clock, loop, add } = setUp();
      for (let count = 0; count < 50; count++) add();
      gateway.fault = () => TOO_MANY;
      loop.start();
      for (let second = 0; second < 600; second++) {
        await nextTurn();
        await nextTurn();
        clock.advance(1_000);
      }
      await settle();
      expect(gateway.calls.length).toBeLessThan(20);
    });
  });

  it('looks at the same study of two customers one after the other', async () => {
    const { outbox, gateway, loop, add } = setUp();
    add('city', '1.2.3');
    add('port', '1.2.3');
    loop.start();
    await settle();
    expect(gateway.creates).toBe(1);
    expect(outbox.rows()).toMatchObject([{ state: 'created' }, { state: 'attention' }]);
    expect(outbox.row(2).error).toMatch(/another Express customer/);
  });

  it('postpones, logs and repeats what fails unexpectedly', async () => {
    const { outbox, gateway, clock, logger, loop, add } = setUp();
    const id = add();
    gateway.fault = () => new Error('a fault of ours');
    loop.start();
    await settle();
    expect(outbox.row(id).state).toBe('pending');
    expect(outbox.row(id).dueAt).toBeGreaterThan(clock.now());
    expect(logger.messages('error')).toEqual(['a delivery failed unexpectedly and will be repeated']);
    gateway.fault = () => undefined;
    clock.advance(10_000);
    await settle();
    expect(outbox.row(id).state).toBe('created');
  });

  it('survives an outbox that fails to write and to read', async () => {
    const { outbox, clock, loop, add, states } = setUp();
    add();
    outbox.failNext('begin', new Error('disk full'));
    outbox.failNext('postpone', new Error('disk full'));
    loop.start();
    await settle();
    expect(states()).toEqual(['pending']);
    outbox.failNext('due', new Error('disk full'));
    clock.advance(30_000);
    await settle();
    expect(states()).toEqual(['pending']);
    clock.advance(30_000);
    await settle();
    expect(states()).toEqual(['created']);
  });

  it('completes nothing it could not write down, and finds it by look-up later', async () => {
    const { outbox, gateway, clock, loop, add } = setUp();
    const id = add();
    outbox.failNext('complete', new Error('disk full'));
    loop.start();
    await settle();
    expect(outbox.row(id).state).toBe('pending');
    clock.advance(10_000);
    await settle();
    expect(outbox.row(id).state).toBe('created');
    expect(gateway.creates).toBe(1);
  });

  it('hands a study of a customer no longer configured to the gateway’s judgement', async () => {
    const { outbox, gateway, loop, add } = setUp();
    const id = add('gone');
    gateway.fault = () => ({ kind: 'permanent', message: 'customer gone is not in the configuration' });
    loop.start();
    await settle();
    expect(outbox.row(id).state).toBe('attention');
  });

  describe('stop', () => {
    it('waits for what is under way and takes nothing new', async () => {
      const { gateway, loop, add, states } = setUp(undefined, 1);
      add();
      add();
      let open: () => void = () => undefined;
      gateway.gate = new Promise<void>((resolve) => (open = resolve));
      loop.start();
      await settle();
      const stopped = loop.stop(10_000);
      open();
      expect(await stopped).toBe(true);
      await settle();
      expect(states()).toEqual(['created', 'pending']);
    });

    it('gives up at the deadline', async () => {
      const { gateway, clock, loop, add } = setUp();
      add();
      gateway.gate = new Promise<void>(() => undefined);
      loop.start();
      await settle();
      expect(loop.status().inFlight).toEqual([
        { customer: 'city', studyInstanceUid: '1.2.1', product: 'viewer' },
      ]);
      const stopped = loop.stop(5_000);
      clock.advance(5_000);
      expect(await stopped).toBe(false);
    });

    it('leaves no timer behind', async () => {
      const { gateway, clock, loop, add } = setUp();
      add();
      gateway.fault = () => UNREACHABLE;
      loop.start();
      await settle();
      expect(clock.pending).toBe(1);
      await loop.stop(1_000);
      expect(clock.pending).toBe(0);
    });
  });

  it('counts outcomes and remembers the last success and failure', async () => {
    const { gateway, clock, loop, add } = setUp();
    add('city', '1.2.3');
    add('hill', '1.2.4');
    gateway.fault = (_, study) => (study.key.customer === 'hill' ? UNREACHABLE : undefined);
    loop.start();
    await settle();
    expect(loop.status()).toMatchObject({
      isRunning: true,
      inFlight: [],
      lastSuccessAt: clock.now(),
      lastFailure: { at: clock.now(), error: UNREACHABLE.message },
      outcomes: { created: 1, postponed: 1, unauthorized: 0, attention: 0, failed: 0 },
    });
  });
});
