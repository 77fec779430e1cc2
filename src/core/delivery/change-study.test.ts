import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createFakeStudyGateway, UNREACHABLE } from '../../../test/support/fake-study-gateway.ts';
import { createInMemoryOutbox } from '../../../test/support/in-memory-outbox.ts';
import { studyRecord } from '../../../test/support/study-records.ts';
import { deliverStudy } from './deliver-study.ts';

const before = studyRecord({ customer: 'city', attributes: { PatientName: 'Doe^Jane' } });
const after = studyRecord({ customer: 'city', attributes: { PatientName: 'Roe^Jane' } });

/** A study that has been brought to Avara. */
async function delivered() {
  const outbox = createInMemoryOutbox();
  const gateway = createFakeStudyGateway();
  const clock = createFakeClock();
  const id = outbox.add(before);
  async function attempt() {
    return deliverStudy(outbox.row(id), { outbox, gateway, clock, random: () => 0.5 });
  }
  expect(await attempt()).toMatchObject({ kind: 'created', isAdopted: false });
  const news = (changes: object = {}) =>
    outbox.set(id, { state: 'pending', revision: outbox.row(id).revision + 1, ...changes });
  const calls = () => gateway.calls.slice(2).map((call) => call.split(' ')[0]);
  return { outbox, gateway, id, attempt, news, calls };
}

describe('a study that is at Avara', () => {
  it('is not sent again for late images that say nothing new', async () => {
    const { attempt, news, calls, outbox, id } = await delivered();
    news();
    expect(await attempt()).toMatchObject({ kind: 'unchanged' });
    expect(calls()).toEqual([]);
    expect(outbox.row(id)).toMatchObject({ state: 'created', attempts: 1 });
  });

  it('is updated, never created again, when there is something new', async () => {
    const { attempt, news, calls, outbox, gateway, id } = await delivered();
    news({ study: after });
    gateway.fault = (call) => (call === 'update' ? UNREACHABLE : undefined);
    expect(await attempt()).toMatchObject({ kind: 'postponed' });
    gateway.fault = () => undefined;
    expect(await attempt()).toMatchObject({ kind: 'changed', isCancelled: false });
    expect(calls()).toEqual(['update', 'update']);
    expect(outbox.row(id)).toMatchObject({ state: 'created', sent: gateway.describe(after, 'viewer') });
    news();
    expect(await attempt()).toMatchObject({ kind: 'unchanged' });
  });

  it('stays pending for what arrives during the attempt', async () => {
    const { attempt, news, outbox, gateway, id } = await delivered();
    news({ study: after });
    gateway.fault = (call) => {
      if (call === 'update') news({ study: before });
      return undefined;
    };
    await attempt();
    expect(outbox.row(id)).toMatchObject({ state: 'pending', sent: gateway.describe(after, 'viewer') });
    gateway.fault = () => undefined;
    expect(await attempt()).toMatchObject({ kind: 'changed' });
    expect(outbox.row(id)).toMatchObject({ state: 'created', sent: gateway.describe(before, 'viewer') });
  });

  it('says so where the update is refused for good', async () => {
    const { attempt, news, outbox, gateway, id } = await delivered();
    news({ study: after });
    gateway.fault = () => ({ kind: 'permanent', message: 'Avara answered 404' });
    expect(await attempt()).toMatchObject({ kind: 'attention' });
    expect(outbox.row(id)).toMatchObject({ state: 'attention', avaraStudyId: 'stu_1' });
    expect(outbox.row(id).error).toMatch(
      /is at Avara as stu_1, but could not be updated: Avara answered 404/,
    );
  });

  it('is cancelled and uncancelled as an operator wishes, and not updated meanwhile', async () => {
    const { attempt, calls, outbox, news, id } = await delivered();
    await outbox.wish(before.key, undefined, 'cancel', 0);
    expect(await attempt()).toMatchObject({ kind: 'changed', isCancelled: true });
    expect(outbox.row(id)).toMatchObject({ state: 'created', isCancelled: true, wish: 'none' });
    news({ study: after });
    expect(await attempt()).toMatchObject({ kind: 'unchanged' });
    await outbox.wish(before.key, undefined, 'uncancel', 0);
    expect(await attempt()).toMatchObject({ kind: 'changed', isCancelled: false });
    expect(calls()).toEqual(['cancel', 'uncancel', 'update']);
    expect(outbox.row(id)).toMatchObject({ state: 'created', isCancelled: false });
  });

  it('counts as cancelled where Avara had it so already', async () => {
    const { attempt, gateway, outbox, id } = await delivered();
    gateway.put(before, 'viewer', { studyId: 'stu_1', isCancelled: true });
    await outbox.wish(before.key, undefined, 'cancel', 0);
    expect(await attempt()).toMatchObject({ kind: 'changed', isCancelled: true });
    expect(outbox.row(id)).toMatchObject({ state: 'created', isCancelled: true });
  });
});

describe('a study that is not at Avara', () => {
  function waiting() {
    const outbox = createInMemoryOutbox();
    const gateway = createFakeStudyGateway();
    const id = outbox.add(before);
    const attempt = () =>
      deliverStudy(outbox.row(id), { outbox, gateway, clock: createFakeClock(), random: () => 0.5 });
    return { outbox, gateway, id, attempt };
  }

  it('is not created once an operator cancelled it, and is after all when that is taken back', async () => {
    const { outbox, gateway, id, attempt } = waiting();
    await outbox.wish(before.key, undefined, 'cancel', 0);
    expect(await attempt()).toMatchObject({ kind: 'attention' });
    expect(gateway.creates).toBe(0);
    await outbox.wish(before.key, undefined, 'uncancel', 0);
    expect(await attempt()).toMatchObject({ kind: 'created' });
    expect(outbox.row(id)).toMatchObject({ state: 'created', isCancelled: false });
  });

  it('is adopted and uncancelled where an operator wishes that', async () => {
    const { outbox, gateway, attempt } = waiting();
    gateway.put(before, 'viewer', { isCancelled: true });
    expect(await attempt()).toMatchObject({
      kind: 'attention',
      error: expect.stringContaining('cancelled there') as unknown,
    });
    await outbox.wish(before.key, undefined, 'uncancel', 0);
    expect(await attempt()).toMatchObject({ kind: 'created', isAdopted: true });
  });

  it('is brought up to date where an earlier create said something else and its answer was lost', async () => {
    const { outbox, gateway, id, attempt } = waiting();
    gateway.fault = (call) => (call === 'create' ? { ...UNREACHABLE, isCommitted: true } : undefined);
    await attempt();
    gateway.fault = () => undefined;
    outbox.set(id, { study: after });
    expect(await attempt()).toMatchObject({ kind: 'created', isAdopted: true });
    expect(gateway.calls.at(-1)).toMatch(/^update/);
    expect(gateway.creates).toBe(1);
  });

  it('is looked up where the server asks not to repeat a create whose outcome is unknown', async () => {
    const { gateway, attempt } = waiting();
    gateway.fault = (call) =>
      call === 'create'
        ? { kind: 'permanent', message: '503', mayHaveHappened: true, isCommitted: true }
        : undefined;
    expect(await attempt()).toMatchObject({ kind: 'created', isAdopted: true });
  });
});
