import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import {
  createFakeStudyGateway,
  REPLY_LOST,
  UNAUTHORIZED,
  UNREACHABLE,
} from '../../../test/support/fake-study-gateway.ts';
import type { GatewayCall, GatewayFault } from '../../../test/support/fake-study-gateway.ts';
import { createInMemoryOutbox } from '../../../test/support/in-memory-outbox.ts';
import { studyRecord } from '../../../test/support/study-records.ts';
import { deliverStudy } from './deliver-study.ts';

const study = studyRecord({ customer: 'city', study: '1.2.3' });

function setUp() {
  const outbox = createInMemoryOutbox();
  const gateway = createFakeStudyGateway();
  const clock = createFakeClock();
  const id = outbox.add(study);
  async function attempt() {
    const { attempts } = outbox.row(id);
    const entry = { id, study, product: 'viewer', attempts } as const;
    return deliverStudy(entry, { outbox, gateway, clock, random: () => 0.5 });
  }
  return { outbox, gateway, clock, id, attempt };
}

function failOnce(call: 'find' | 'create', fault: GatewayFault) {
  let isDone = false;
  return (name: GatewayCall) => {
    if (isDone || name !== call) return undefined;
    isDone = true;
    return fault;
  };
}

describe('deliverStudy', () => {
  it('looks the study up, creates it and says so', async () => {
    const { outbox, gateway, id, attempt } = setUp();
    expect(await attempt()).toEqual({ kind: 'created', avaraStudyId: 'stu_1', isAdopted: false });
    expect(gateway.calls).toEqual(['find viewer 1.2.3', 'create viewer 1.2.3']);
    expect(outbox.row(id)).toMatchObject({ state: 'created', avaraStudyId: 'stu_1', attempts: 1 });
  });

  it('adopts what is there already', async () => {
    const { outbox, gateway, id, attempt } = setUp();
    gateway.put(study, 'viewer', { studyId: 'stu_theirs' });
    expect(await attempt()).toMatchObject({ kind: 'created', isAdopted: true });
    expect(gateway.creates).toBe(0);
    expect(outbox.row(id)).toMatchObject({ state: 'created', avaraStudyId: 'stu_theirs' });
  });

  it('counts the attempt before it is made', async () => {
    const { outbox, gateway, id, attempt } = setUp();
    gateway.fault = () => {
      expect(outbox.row(id).attempts).toBe(1);
      return UNREACHABLE;
    };
    await attempt();
  });

  it('adopts after a create whose answer was lost, instead of creating again', async () => {
    const { outbox, gateway, id, attempt } = setUp();
    gateway.fault = failOnce('create', REPLY_LOST);
    expect(await attempt()).toMatchObject({ kind: 'postponed', error: REPLY_LOST.message });
    expect(await attempt()).toMatchObject({ kind: 'created', isAdopted: true });
    expect(gateway.creates).toBe(1);
    expect(outbox.row(id)).toMatchObject({ state: 'created', attempts: 2 });
  });

  it('adopts after a 409', async () => {
    const { gateway, attempt } = setUp();
    gateway.fault = (name) => {
      if (name !== 'create') return undefined;
      gateway.put(study, 'viewer');
      return { kind: 'transient', message: 'Avara answered 409: exists', isRateLimit: false };
    };
    expect(await attempt()).toMatchObject({ kind: 'postponed' });
    expect(await attempt()).toMatchObject({ kind: 'created', isAdopted: true });
    expect(gateway.creates).toBe(0);
  });

  it('gives a create of unknown outcome time to show', async () => {
    const { outbox, gateway, clock, id } = setUp();
    gateway.fault = failOnce('create', REPLY_LOST);
    const entry = { id, study, product: 'viewer', attempts: 0 } as const;
    await deliverStudy(entry, { outbox, gateway, clock, random: () => 0 });
    expect(outbox.row(id).dueAt).toBe(clock.now() + 2_000);
  });

  it('waits longer with each attempt, and as long as the server asks', async () => {
    const { outbox, gateway, clock, id, attempt } = setUp();
    gateway.fault = () => UNREACHABLE;
    const waits: number[] = [];
    for (let count = 0; count < 4; count++) {
      await attempt();
      waits.push(outbox.row(id).dueAt - clock.now());
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000]);
    gateway.fault = () => ({ ...UNREACHABLE, retryAfterMs: 90_000 });
    await attempt();
    expect(outbox.row(id).dueAt - clock.now()).toBeGreaterThanOrEqual(90_000);
    expect(outbox.row(id)).toMatchObject({ state: 'pending', error: UNREACHABLE.message });
  });

  it('leaves a study under another customer to the operator', async () => {
    const { outbox, gateway, id, attempt } = setUp();
    gateway.put(study, 'viewer', { studyId: 'stu_9', expressCustomerId: 'cus_other' });
    expect(await attempt()).toMatchObject({ kind: 'attention' });
    expect(outbox.row(id).state).toBe('attention');
    expect(outbox.row(id).error).toMatch(/stu_9.*another Express customer.*cus_other.*cus_city/);
    expect(gateway.creates).toBe(0);
  });

  it.each([
    ['cancelled', { isCancelled: true }, /cancelled/],
    ['under another customer', { expressCustomerId: 'cus_other' }, /created.*another Express customer/],
  ])('leaves a create that comes back %s to the operator', async (_, changes, error) => {
    const { outbox, gateway, id, attempt } = setUp();
    gateway.answer = (made) => ({ ...made, ...changes });
    expect(await attempt()).toMatchObject({ kind: 'attention' });
    expect(outbox.row(id).error).toMatch(error);
  });

  it('does not bring a cancelled study back', async () => {
    const { outbox, gateway, id, attempt } = setUp();
    gateway.put(study, 'viewer', { isCancelled: true });
    await attempt();
    expect(outbox.row(id)).toMatchObject({ state: 'attention' });
    expect(gateway.creates).toBe(0);
  });

  it('asks again where a create’s answer names no customer', async () => {
    const { gateway, attempt } = setUp();
    gateway.answer = ({ studyId, studyInstanceUid }) => ({ studyId, studyInstanceUid, isCancelled: false });
    expect(await attempt()).toMatchObject({ kind: 'created', isAdopted: false });
    expect(gateway.calls.at(-1)).toBe('find viewer 1.2.3');
  });

  it('leaves a study that has no customer at all to the operator', async () => {
    const { outbox, gateway, id, attempt } = setUp();
    const { studyId, studyInstanceUid, isCancelled } = gateway.put(study, 'viewer');
    const orphan = { studyId, studyInstanceUid, isCancelled };
    gateway.find = () => Promise.resolve({ ok: true, value: orphan });
    expect(await attempt()).toMatchObject({ kind: 'attention' });
    expect(outbox.row(id).error).toMatch(/no Express customer/);
  });

  it('leaves what will never work to the operator, with Avara’s words', async () => {
    const { outbox, gateway, id, attempt } = setUp();
    const message = 'Avara answered 422: studyInstanceUid is not valid';
    gateway.fault = failOnce('create', { kind: 'permanent', message });
    expect(await attempt()).toEqual({ kind: 'attention', error: message });
    expect(outbox.row(id)).toMatchObject({ state: 'attention', error: message });
  });

  it.each(['find', 'create'] as const)(
    'keeps the study pending where the key is refused at %s',
    async (call) => {
      const { outbox, gateway, clock, id, attempt } = setUp();
      gateway.fault = failOnce(call, UNAUTHORIZED);
      expect(await attempt()).toEqual({ kind: 'unauthorized', error: UNAUTHORIZED.message });
      expect(outbox.row(id)).toMatchObject({ state: 'pending', dueAt: clock.now() });
    },
  );
});
