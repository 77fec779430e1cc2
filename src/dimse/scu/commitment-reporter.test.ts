import { beforeEach, describe, expect, it } from 'vitest';

import { createFakeClock } from '../../../test/support/fake-clock.ts';
import type { FakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import type { CommitmentReporter } from '../../core/ports/commitment-reporter.ts';
import { customerKey } from '../../core/study/instance.ts';
import { uid } from '../../dicom/uid.ts';
import { InvocationError } from '../invoker.ts';
import type { OutgoingRequest } from '../invoker.ts';
import {
  COMMAND_ELEMENT,
  decodeCommandSet,
  encodeCommandSet,
  uint16Element,
} from '../message/command-set.ts';
import type { CommandSet } from '../message/command-set.ts';
import { createWaitingAssociations } from '../waiting-associations.ts';
import type { WaitingAssociations } from '../waiting-associations.ts';
import { createCommitmentReporter } from './commitment-reporter.ts';

const REQUEST = {
  id: 1,
  customer: customerKey('city-medical'),
  callingAeTitle: 'CT1',
  calledAeTitle: 'CITYMED',
  transactionUid: uid('2.25.1'),
  acceptedAt: 0,
  failedAttempts: 0,
};
const EVENT = {
  transactionUid: uid('2.25.1'),
  committed: [{ sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'), sopInstanceUid: uid('2.25.2') }],
  failed: [],
};
const GRACE_MS = 500;
const never = new AbortController().signal;

function status(value: number): CommandSet {
  return decodeCommandSet(encodeCommandSet([uint16Element(COMMAND_ELEMENT.status, value)]));
}

let clock: FakeClock;
let associations: WaitingAssociations;
let reporter: CommitmentReporter;
let invoked: OutgoingRequest[];

beforeEach(() => {
  clock = createFakeClock();
  associations = createWaitingAssociations();
  invoked = [];
  reporter = createCommitmentReporter({
    associations,
    findPeer: () => undefined,
    clock,
    logger: createRecordingLogger(),
    graceMs: GRACE_MS,
  });
});

/** A requestor that waits on its Association. @returns what hangs it up. */
function wait(answer: () => Promise<CommandSet>, isIdle: () => boolean = () => true): () => void {
  let hangUp = (): void => undefined;
  const over = new Promise<void>((resolve) => (hangUp = resolve));
  associations.add(REQUEST, {
    presentationContextId: 5,
    transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
    answeredAt: clock.now(),
    association: {
      isIdle,
      over,
      invoke(request) {
        invoked.push(request);
        return answer();
      },
    },
  });
  return hangUp;
}

describe('a report to a requestor that may still be there', () => {
  it('is sent on its Association after the grace, not before', async () => {
    wait(() => Promise.resolve(status(0)));
    const reported = reporter.report(REQUEST, EVENT, never);
    await clock.advanceAsync(GRACE_MS - 1);
    expect(invoked).toEqual([]);
    await clock.advanceAsync(1);
    expect(await reported).toEqual({ kind: 'delivered', over: 'same-association' });
    expect(invoked).toMatchObject([{ presentationContextId: 5, commandField: 0x0100 }]);
    expect(invoked[0]?.dataSet?.includes('2.25.2')).toBe(true);
  });

  it('does not wait out the grace when it hangs up', async () => {
    const hangUp = wait(() => Promise.resolve(status(0)));
    const reported = reporter.report(REQUEST, EVENT, never);
    await clock.advanceAsync(10);
    hangUp();
    expect(await reported).toEqual({ kind: 'unknown-peer' });
    expect(invoked).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('does not come in between while it is busy, and is sent later', async () => {
    let isIdle = false;
    wait(
      () => Promise.resolve(status(0)),
      () => isIdle,
    );
    await clock.advanceAsync(GRACE_MS);
    expect(await reporter.report(REQUEST, EVENT, never)).toMatchObject({ kind: 'unreachable' });
    isIdle = true;
    expect(await reporter.report(REQUEST, EVENT, never)).toMatchObject({ kind: 'delivered' });
  });

  it.each([
    [0x0107, { kind: 'delivered', over: 'same-association' }],
    [0x0113, { kind: 'refused', reason: 'N-EVENT-REPORT was answered with 0x0113' }],
  ])('that answers %i', async (value, outcome) => {
    wait(() => Promise.resolve(status(value)));
    await clock.advanceAsync(GRACE_MS);
    expect(await reporter.report(REQUEST, EVENT, never)).toEqual(outcome);
  });

  it('is tried on that Association only once', async () => {
    wait(() => Promise.reject(new InvocationError('no answer')));
    await clock.advanceAsync(GRACE_MS);
    expect(await reporter.report(REQUEST, EVENT, never)).toEqual({ kind: 'unknown-peer' });
    await reporter.report(REQUEST, EVENT, never);
    expect(invoked).toHaveLength(1);
  });

  it('is given up at once when asked to', async () => {
    wait(() => Promise.resolve(status(0)));
    const giveUp = new AbortController();
    const reported = reporter.report(REQUEST, EVENT, giveUp.signal);
    giveUp.abort();
    expect(await reported).toMatchObject({ kind: 'unreachable' });
    expect(clock.pending).toBe(0);
  });
});
