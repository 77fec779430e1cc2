import { expect, it } from 'vitest';

import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import type { AuditEntry } from '../ports/audit-trail.ts';
import type { DiskSample } from '../ports/disk-history.ts';
import type { SenderRefusals } from '../ports/refused-senders.ts';
import type { SenderDelivery } from '../ports/sender-activity.ts';
import type { StudyHappening } from '../ports/study-events.ts';
import { customerKey, type InstanceKey, type InstanceOrigin } from '../study/instance.ts';
import { uid } from '../../dicom/uid.ts';
import { createChronicle } from './chronicle.ts';

const START = Date.UTC(2026, 0, 1);
const key: InstanceKey = {
  customer: customerKey('city-medical'),
  studyInstanceUid: uid('1.2.3'),
  seriesInstanceUid: uid('1.2.3.4'),
  sopInstanceUid: uid('1.2.3.4.5'),
};
const origin: InstanceOrigin = {
  source: 'dimse',
  customer: key.customer,
  callingAeTitle: 'CT1',
  calledAeTitle: 'CITYMED',
  peerAddress: '10.0.0.7',
};

function fixture(options: { isFailing?: boolean } = {}) {
  const clock = createFakeClock(START);
  const logger = createRecordingLogger();
  const happenings: StudyHappening[] = [];
  const deliveries: SenderDelivery[] = [];
  const refusals: SenderRefusals[] = [];
  const samples: DiskSample[] = [];
  const state = { isFailing: options.isFailing ?? false };
  const into =
    <T>(list: T[]) =>
    (values: readonly T[]): Promise<void> => {
      if (state.isFailing) return Promise.reject(new Error('disk full'));
      list.push(...values);
      return Promise.resolve();
    };
  const prune = () => Promise.resolve();
  const chronicle = createChronicle({
    studyEvents: { add: into(happenings) },
    senderActivity: { add: into(deliveries), prune },
    refusedSenders: { add: into(refusals), prune },
    diskHistory: { add: (sample) => into(samples)([sample]), prune },
    freeSpace: () => ({ freeBytes: 60, totalBytes: 100 }),
    clock,
    logger,
  });
  return { clock, logger, chronicle, happenings, deliveries, refusals, samples, state };
}

it('writes what came in within a second as one, by sender and by study', async () => {
  const { clock, chronicle, happenings, deliveries } = fixture();
  for (let image = 0; image < 500; image += 1)
    chronicle.instanceHandled(origin, { kind: 'stored', key }, 1000, clock.now() + image);
  chronicle.instanceHandled(origin, { kind: 'duplicate', key }, 1000, clock.now());
  expect(deliveries).toEqual([]);
  await clock.advanceAsync(1000);
  expect(deliveries).toMatchObject([
    { callingAeTitle: 'CT1', instances: 500, bytes: 500_000, lastAt: START + 499 },
  ]);
  expect(happenings).toMatchObject([
    { event: 'study.received', actor: 'CT1', count: 500, peerAddress: '10.0.0.7', firstAt: START },
  ]);
});

it('tells the rate of the last ten seconds', () => {
  const { clock, chronicle } = fixture();
  expect(chronicle.rate()).toEqual({ imagesPerSecond: 0, bytesPerSecond: 0 });
  for (let image = 0; image < 20; image += 1)
    chronicle.instanceHandled(origin, { kind: 'stored', key }, 1000, clock.now());
  expect(chronicle.rate()).toEqual({ imagesPerSecond: 2, bytesPerSecond: 2000, lastImageAt: START });
  clock.advance(9000);
  expect(chronicle.rate().imagesPerSecond).toBe(2);
  clock.advance(2000);
  expect(chronicle.rate()).toEqual({ imagesPerSecond: 0, bytesPerSecond: 0, lastImageAt: START });
});

it('takes down for a study what the audit trail says of it, and passes everything on', async () => {
  const { clock, chronicle, happenings } = fixture();
  const passed: AuditEntry[] = [];
  const audit = chronicle.auditing({ record: (entry) => void passed.push(entry) });
  const { customer, studyInstanceUid } = key;
  audit.record({
    event: 'study.access_granted',
    customer,
    studyInstanceUid,
    actor: 'avara',
    detail: 'evt_1: 3',
  });
  audit.record({ event: 'object.refused', detail: 'token' });
  audit.record({ event: 'study.access_refused', customer, studyInstanceUid: 'no UID' });
  await clock.advanceAsync(1000);
  expect(passed).toHaveLength(3);
  expect(happenings).toMatchObject([
    { study: { customer, studyInstanceUid }, event: 'study.access_granted', actor: 'avara', count: 1 },
  ]);
});

it('holds a flood of refusals down to one line per sender, and to so many senders', async () => {
  const { clock, chronicle, refusals } = fixture();
  const refusal = {
    calledAeTitle: 'CITYMED',
    peerAddress: '10.0.0.9',
    reason: 'calling-ae-title-not-recognized',
    explanation: 'no route',
    proposal: { contexts: [], contextsLeftOut: 0 },
  };
  for (let attempt = 0; attempt < 3000; attempt += 1)
    chronicle.refused({ ...refusal, callingAeTitle: `X${attempt % 1000}`, at: clock.now() });
  await clock.advanceAsync(1000);
  expect(refusals).toHaveLength(500);
  expect(refusals[0]).toMatchObject({ callingAeTitle: 'X0', attempts: 3 });
});

it('samples the disk at the start and in every hour', async () => {
  const { clock, chronicle, samples } = fixture();
  chronicle.start();
  await clock.advanceAsync(3 * 3_600_000);
  await chronicle.stop();
  const hours = new Set(samples.map(({ at }) => Math.floor(at / 3_600_000)));
  expect(hours.size).toBeGreaterThanOrEqual(3);
  expect(samples[0]).toEqual({ at: START, freeBytes: 60, totalBytes: 100 });
});

it('goes on, and says once that it cannot write', async () => {
  const { clock, chronicle, logger, deliveries, state } = fixture({ isFailing: true });
  for (let second = 0; second < 5; second += 1) {
    chronicle.instanceHandled(origin, { kind: 'stored', key }, 1000, clock.now());
    await clock.advanceAsync(1000);
  }
  expect(logger.messages('warn').filter((message) => message.includes('statistics of senders'))).toHaveLength(
    1,
  );
  state.isFailing = false;
  chronicle.instanceHandled(origin, { kind: 'stored', key }, 1000, clock.now());
  await chronicle.stop();
  expect(deliveries).toHaveLength(1);
});
