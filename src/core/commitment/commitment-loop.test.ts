import { beforeEach, describe, expect, it } from 'vitest';

import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createMemoryCommitmentRequests } from '../../../test/support/memory-commitment-requests.ts';
import { createMemoryObjects } from '../../../test/support/memory-objects.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import type { CommitmentEventInformation } from '../../dicom/storage-commitment.ts';
import { uid } from '../../dicom/uid.ts';
import type { CommitmentReporter, ReportOutcome } from '../ports/commitment-reporter.ts';
import { customerKey } from '../study/instance.ts';
import type { InstanceRecord } from '../study/study.ts';
import { createCommitmentLoop } from './commitment-loop.ts';

const CITY = customerKey('city-medical');
const CT = uid('1.2.840.10008.5.1.4.1.1.2');
const HOUR = 3_600_000;
const UNREACHABLE: ReportOutcome = { kind: 'unreachable', reason: 'ECONNREFUSED' };
const DELIVERED: ReportOutcome = { kind: 'delivered', over: 'new-association' };

function setUp() {
  const clock = createFakeClock();
  const requests = createMemoryCommitmentRequests();
  const objects = createMemoryObjects();
  const logger = createRecordingLogger();
  const records: InstanceRecord[] = [];
  const reported: { to: string; event: CommitmentEventInformation; at: number }[] = [];
  let answer: (to: string) => ReportOutcome | Promise<ReportOutcome> = () => DELIVERED;
  const startedAt = clock.now();
  const reporter: CommitmentReporter = {
    report({ callingAeTitle }, event) {
      reported.push({ to: callingAeTitle, event, at: clock.now() - startedAt });
      return Promise.resolve(answer(callingAeTitle));
    },
  };
  const loop = createCommitmentLoop({
    requests,
    reporter,
    index: {
      findInstancesBySopUid: (customer, sop) =>
        records.filter(({ key }) => key.customer === customer && key.sopInstanceUid === sop),
    },
    store: objects.store,
    clock,
    logger,
    giveUpAfterMs: 24 * HOUR,
    random: () => 0.5,
  });
  return {
    clock,
    requests,
    objects,
    logger,
    loop,
    reported,
    store: (sop: string) => records.push(objects.add({ sop, content: Buffer.from(sop) })),
    answerWith: (next: typeof answer) => (answer = next),
    async ask(callingAeTitle: string, transaction: string, sops: readonly string[] = ['1.1']) {
      await requests.accept(
        {
          customer: CITY,
          callingAeTitle,
          calledAeTitle: 'CITYMED',
          transactionUid: uid(transaction),
          references: sops.map((sop) => ({ sopClassUid: CT, sopInstanceUid: uid(sop) })),
        },
        clock.now(),
      );
      loop.wake(callingAeTitle);
      await clock.advanceAsync(0);
    },
  };
}

let site: ReturnType<typeof setUp>;
beforeEach(() => {
  site = setUp();
});

describe('the commitment loop', () => {
  it('verifies each request and reports what is committed and what is not', async () => {
    site.store('1.1');
    site.store('1.3');
    site.loop.start();
    await site.ask('CT1', '2.25.1', ['1.1', '1.2', '1.3']);
    expect(site.reported.map(({ event }) => event)).toEqual([
      {
        transactionUid: '2.25.1',
        committed: [
          { sopClassUid: CT, sopInstanceUid: '1.1' },
          { sopClassUid: CT, sopInstanceUid: '1.3' },
        ],
        failed: [{ sopClassUid: CT, sopInstanceUid: '1.2', reason: 'no-such-object-instance' }],
      },
    ]);
    expect(site.requests.states()).toEqual({ '2.25.1': 'reported' });
  });

  it('takes up what an earlier run owed, without a new verification', async () => {
    await site.ask('CT1', '2.25.1');
    await site.requests.saveVerdict(1, [], 0);
    site.loop.start();
    await site.clock.advanceAsync(0);
    expect(site.reported).toMatchObject([{ to: 'CT1', event: { failed: [] } }]);
  });

  it('tries again with growing pauses, and holds up no other requestor meanwhile', async () => {
    site.answerWith((to) => (to === 'CT1' ? UNREACHABLE : DELIVERED));
    site.loop.start();
    await site.ask('CT1', '2.25.1');
    await site.ask('CT1', '2.25.2');
    await site.ask('MR1', '2.25.3');
    await site.clock.advanceAsync(2 * 60_000);
    const times = site.reported.filter(({ to }) => to === 'CT1').map(({ at }) => at);
    // The second request woke the loop; from there on half of 5 s, 10 s, 20 s, 40 s and so on.
    expect(times.slice(1)).toEqual([0, 2500, 7500, 17_500, 37_500, 77_500]);
    expect(site.requests.states()).toEqual({ '2.25.1': 'open', '2.25.2': 'open', '2.25.3': 'reported' });

    site.answerWith(() => DELIVERED);
    await site.clock.advanceAsync(10 * 60_000);
    expect(site.requests.states()).toMatchObject({ '2.25.1': 'reported', '2.25.2': 'reported' });
  });

  it('goes on to the next request where the requestor refuses one', async () => {
    let calls = 0;
    site.answerWith(() => (++calls === 1 ? { kind: 'refused', reason: 'answered 0x0110' } : DELIVERED));
    await site.ask('CT1', '2.25.1');
    await site.ask('CT1', '2.25.2');
    site.loop.start();
    await site.clock.advanceAsync(0);
    expect(site.requests.states()).toEqual({ '2.25.1': 'open', '2.25.2': 'reported' });
    await site.clock.advanceAsync(10_000);
    expect(site.requests.states()).toEqual({ '2.25.1': 'reported', '2.25.2': 'reported' });
  });

  it('says once which line of the configuration is missing, and reports when it is there', async () => {
    site.answerWith(() => ({ kind: 'unknown-peer' }));
    site.loop.start();
    await site.ask('CT1', '2.25.1');
    await site.clock.advanceAsync(HOUR);
    const told = site.logger.lines.filter(({ message }) => message.includes('not among dimse.peers'));
    expect(told).toMatchObject([
      { fields: { hint: 'Add to "dimse": "peers": [{"aeTitle":"CT1","host":"ITS-ADDRESS","port":104}]' } },
    ]);
    site.answerWith(() => DELIVERED);
    site.loop.wakeAll();
    await site.clock.advanceAsync(0);
    expect(site.requests.states()).toEqual({ '2.25.1': 'reported' });
  });

  it('gives up after the configured time, as an error', async () => {
    site.answerWith(() => UNREACHABLE);
    site.loop.start();
    await site.ask('CT1', '2.25.1');
    await site.clock.advanceAsync(23 * HOUR);
    expect(site.requests.states()).toEqual({ '2.25.1': 'open' });
    await site.clock.advanceAsync(2 * HOUR);
    expect(site.requests.states()).toEqual({ '2.25.1': 'given-up' });
    const [error] = site.logger.lines.filter(({ level }) => level === 'error');
    expect(error?.fields).toMatchObject({ transactionUid: '2.25.1', reason: 'ECONNREFUSED' });
    expect(site.clock.pending).toBe(0);
  });

  it('stops in the middle of a verification and forgets nothing', async () => {
    site.store('1.1');
    const letGo = site.objects.holdReads();
    site.loop.start();
    await site.ask('CT1', '2.25.1');
    const stopped = site.loop.stop(10_000);
    letGo();
    await stopped;
    expect(site.reported).toEqual([]);
    expect(site.requests.states()).toEqual({ '2.25.1': 'open' });
    expect(site.clock.pending).toBe(0);
  });
});
