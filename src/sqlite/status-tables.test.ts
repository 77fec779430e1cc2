import { describe, expect, it } from 'vitest';

import { storedInstance } from '../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../test/support/temporary-index.ts';
import type { SenderRefusals } from '../core/ports/refused-senders.ts';
import type { SenderDelivery } from '../core/ports/sender-activity.ts';
import { customerKey } from '../core/study/instance.ts';
import { uid } from '../dicom/uid.ts';

const HOUR = 3_600_000;
const key = { customer: customerKey('city-medical'), studyInstanceUid: uid('1.2.3') };
const north = { customer: customerKey('north-clinic'), studyInstanceUid: uid('1.2.3') };

describe('events of a study', () => {
  it('tell its life from the first quiet moment to Avara and on, whoever changed it', async () => {
    const { index, outbox, studyEvents } = temporaryIndex();
    await index.addInstance(storedInstance());
    await index.settle(key, 5000, ['viewer'], 5000);
    await outbox.postpone(1, 9000, 'no answer');
    await outbox.postpone(1, 9000, 'still no answer');
    await outbox.needAttention(1, 'unknown customer');
    await outbox.retry(key, 9000);
    await outbox.complete(1, { avaraStudyId: 'stu_1' }, 9000);
    await index.addInstance(storedInstance({ sop: '1.2.3.4.6', receivedAt: 6000 }));
    const events = studyEvents.ofStudy(key, 100);
    expect(events.map(({ event }) => event).sort()).toEqual([
      'delivery.attention',
      'delivery.created',
      'delivery.postponed',
      'study.late_images',
      'study.stable',
    ]);
    expect(events.find(({ event }) => event === 'delivery.postponed')).toMatchObject({
      actor: 'viewer',
      count: 2,
      detail: 'still no answer',
    });
    expect(events.find(({ event }) => event === 'delivery.created')).toMatchObject({ detail: 'stu_1' });
    expect(events.every(({ firstAt }) => Math.abs(firstAt - Date.now()) < HOUR)).toBe(true);
  });

  it('like ones of an hour become one, and another customer’s study of the same UID has none of them', async () => {
    const { index, studyEvents } = temporaryIndex();
    await index.addInstance(storedInstance());
    await index.addInstance(storedInstance({ customer: 'north-clinic' }));
    const served = { study: key, event: 'object.served', actor: 'k1' };
    await studyEvents.add([{ ...served, firstAt: 1000, lastAt: 2000, count: 3, peerAddress: '10.0.0.1' }]);
    await studyEvents.add([{ ...served, firstAt: 3000, lastAt: 4000, count: 2 }]);
    await studyEvents.add([{ ...served, firstAt: HOUR, lastAt: HOUR, count: 1 }]);
    expect(studyEvents.ofStudy(key, 10)).toEqual([
      { event: 'object.served', actor: 'k1', firstAt: HOUR, lastAt: HOUR, count: 1 },
      { event: 'object.served', actor: 'k1', firstAt: 1000, lastAt: 4000, count: 5, peerAddress: '10.0.0.1' },
    ]);
    expect(studyEvents.ofStudy(north, 10)).toEqual([]);
  });
});

describe('senders', () => {
  const sent: SenderDelivery = {
    customer: key.customer,
    source: 'dimse',
    callingAeTitle: 'CT1',
    calledAeTitle: 'CITYMED',
    peerAddress: '10.0.0.7',
    firstAt: HOUR,
    lastAt: HOUR + 5,
    instances: 3,
    bytes: 300,
  };

  it('are known with all that they sent, and the hours in which they did', async () => {
    const { senderActivity } = temporaryIndex();
    await senderActivity.add([sent, { ...sent, callingAeTitle: 'MR1', firstAt: 7, lastAt: 7 }]);
    await senderActivity.add([{ ...sent, firstAt: 3 * HOUR, lastAt: 3 * HOUR, peerAddress: '10.0.0.8' }]);
    const [ct, mr] = senderActivity.senders(10);
    expect(ct).toMatchObject({
      callingAeTitle: 'CT1',
      peerAddress: '10.0.0.8',
      instances: 6,
      bytes: 600,
      firstAt: HOUR,
      lastAt: 3 * HOUR,
    });
    expect(mr).toMatchObject({ callingAeTitle: 'MR1', instances: 3 });
    expect(senderActivity.activeHours(ct?.id ?? 0, 0)).toEqual([1, 3]);
    expect(senderActivity.activeHours(ct?.id ?? 0, 2)).toEqual([3]);
    await senderActivity.prune(2, HOUR);
    expect(senderActivity.senders(10)).toHaveLength(1);
    expect(senderActivity.hours(ct?.id ?? 0, 0)).toEqual([{ hour: 3, instances: 3, bytes: 300 }]);
  });
});

describe('refused senders', () => {
  const refusal: SenderRefusals = {
    callingAeTitle: 'CT9',
    calledAeTitle: 'CITYMED',
    peerAddress: '10.0.0.9',
    reason: 'calling-ae-title-not-recognized',
    explanation: 'no route',
    proposal: {
      implementationVersionName: 'SCANNER_1',
      contexts: [{ abstractSyntaxUid: '1.2', transferSyntaxUids: ['1.3', '1.4'] }],
      contextsLeftOut: 0,
    },
    firstAt: 10,
    lastAt: 20,
    attempts: 2,
  };

  it('have one line each with what they last proposed, and can be forgotten', async () => {
    const { refusedSenders } = temporaryIndex();
    await refusedSenders.add([refusal]);
    await refusedSenders.add([{ ...refusal, firstAt: 30, lastAt: 30, attempts: 1 }]);
    const [line, ...others] = refusedSenders.list(10);
    expect(others).toEqual([]);
    expect(line).toEqual({ ...refusal, id: line?.id, lastAt: 30, attempts: 3 });
    expect(await refusedSenders.forget(line?.id ?? 0)).toBe(true);
    expect(await refusedSenders.forget(line?.id ?? 0)).toBe(false);
    expect(refusedSenders.list(10)).toEqual([]);
  });

  it('make way for later ones where a scan makes up names without end', async () => {
    const { refusedSenders } = temporaryIndex();
    const many = Array.from({ length: 700 }, (_, at) => ({
      ...refusal,
      callingAeTitle: `X${at}`,
      lastAt: at,
    }));
    await refusedSenders.add(many);
    const kept = refusedSenders.list(1000);
    expect(kept).toHaveLength(500);
    expect(kept[0]?.callingAeTitle).toBe('X699');
  });
});

it('the disk has one sample per hour', async () => {
  const { diskHistory } = temporaryIndex();
  await diskHistory.add({ at: 2 * HOUR + 5, freeBytes: 90, totalBytes: 100 });
  await diskHistory.add({ at: 2 * HOUR + 9, freeBytes: 80, totalBytes: 100 });
  await diskHistory.add({ at: 3 * HOUR, freeBytes: 70, totalBytes: 100 });
  expect(diskHistory.since(0)).toEqual([
    { at: 2 * HOUR, freeBytes: 80, totalBytes: 100 },
    { at: 3 * HOUR, freeBytes: 70, totalBytes: 100 },
  ]);
  await diskHistory.prune(3 * HOUR);
  expect(diskHistory.since(0)).toHaveLength(1);
});
