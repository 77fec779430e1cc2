import { afterEach, describe, expect, test } from 'vitest';

import { writePdu } from '../../src/dimse/pdu/writer.ts';
import { startDimseServer } from '../support/dimse-server.ts';
import type { RunningDimseServer } from '../support/dimse-server.ts';
import { associateRq, connectScriptedPeer, dataSetPdus, echoRq, storeRq } from '../support/scripted-peer.ts';

const SERVICE_USER = { type: 'A-ABORT', source: 0, reason: 0 };
const providerAbort = (reason: number) => ({ type: 'A-ABORT', source: 2, reason });
const UNEXPECTED_PDU = 2;
const UNEXPECTED_PARAMETER = 5;
const INVALID_VALUE = 6;
const UNRECOGNIZED_PDU = 1;

let running: RunningDimseServer | undefined;
async function start(...options: Parameters<typeof startDimseServer>): Promise<RunningDimseServer> {
  running = await startDimseServer(...options);
  return running;
}
afterEach(async () => {
  await running?.server.close();
  running = undefined;
});

describe('an Association as it should be', () => {
  test('is accepted, echoes, stores and is released, and all of it is told afterwards', async () => {
    const { port, intake, nextSummary, logger } = await start();
    const ended = nextSummary();
    const peer = await connectScriptedPeer(port);
    const accepted = await peer.associate();
    expect(accepted.presentationContexts).toEqual([
      { id: 1, result: 0, transferSyntaxUid: '1.2.840.10008.1.2.1' },
      { id: 3, result: 0, transferSyntaxUid: '1.2.840.10008.1.2' },
    ]);
    peer.send(echoRq(9));
    expect(await peer.response()).toMatchObject({
      contextId: 3,
      commandField: 0x8030,
      messageId: 9,
      status: 0,
    });
    peer.send(storeRq({ messageId: 10 }), dataSetPdus(Buffer.alloc(100_000, 1)));
    expect(await peer.response()).toMatchObject({
      contextId: 1,
      commandField: 0x8001,
      messageId: 10,
      status: 0,
    });
    await peer.release();

    const summary = await ended;
    expect(summary).toMatchObject({
      peerAddress: '127.0.0.1',
      callingAeTitle: 'CT1',
      calledAeTitle: 'CITYMED',
      outcome: 'released',
      objects: 1,
      refusedObjects: 0,
      bytes: 100_000,
    });
    expect(summary.lastError).toBeUndefined();
    expect(summary.contexts.map((context) => context.id)).toEqual([1, 3]);
    expect(summary.endedAt).toBeGreaterThanOrEqual(summary.startedAt);
    expect(intake.ended).toEqual([summary.id]);
    expect(intake.received[0]?.origin).toEqual({
      source: 'dimse',
      customer: 'city-medical',
      callingAeTitle: 'CT1',
      calledAeTitle: 'CITYMED',
      peerAddress: '127.0.0.1',
      intakeId: summary.id,
    });
    expect(logger.messages('warn')).toEqual([]);
    expect(logger.messages('error')).toEqual([]);
  });

  test('that asks to be released straight behind its last object gets both answers', async () => {
    const { port, nextSummary } = await start();
    const ended = nextSummary();
    const peer = await connectScriptedPeer(port);
    await peer.associate();
    peer.send(storeRq(), dataSetPdus(Buffer.alloc(10)), writePdu({ type: 'A-RELEASE-RQ' }));
    peer.end();
    expect((await peer.response()).status).toBe(0);
    expect(await peer.next()).toEqual({ type: 'A-RELEASE-RP' });
    expect((await ended).outcome).toBe('released');
  });

  test('a peer with a small Maximum-length-received gets its responses in pieces that fit', async () => {
    const { port } = await start();
    const peer = await connectScriptedPeer(port);
    await peer.associate(associateRq({ userInformation: { maximumLengthReceived: 32 } }));
    peer.send(echoRq());
    expect(await peer.response()).toMatchObject({ status: 0 });
    await peer.release();
  });
});

describe('rejections', () => {
  test.each([
    [
      'an unknown called AE title',
      { calledAeTitleField: 'NOBODY'.padEnd(16) },
      1,
      1,
      7,
      'called-ae-title-not-recognized',
    ],
    [
      'an unknown calling AE title',
      { callingAeTitleField: 'STRANGER'.padEnd(16) },
      1,
      1,
      3,
      'calling-ae-title-not-recognized',
    ],
    [
      'another Application Context',
      { applicationContextName: '1.2.3' },
      1,
      1,
      2,
      'application-context-name-not-supported',
    ],
    ['another protocol version', { protocolVersion: 2 }, 1, 2, 2, 'protocol-version-not-supported'],
  ])('%s', async (_name, changes, result, source, reason, named) => {
    const { port, rejections, nextSummary } = await start();
    const ended = nextSummary();
    const peer = await connectScriptedPeer(port);
    peer.send(writePdu(associateRq(changes)));
    expect(await peer.next()).toEqual({ type: 'A-ASSOCIATE-RJ', result, source, reason });
    peer.end();
    expect(await ended).toMatchObject({ outcome: 'rejected', lastError: named });
    expect(rejections).toEqual([named]);
  });

  test('a fault while deciding is a transient rejection, not a crash', async () => {
    const { port } = await start({
      admit: () => {
        throw new Error('no routes');
      },
    });
    const peer = await connectScriptedPeer(port);
    peer.send(writePdu(associateRq()));
    expect(await peer.next()).toEqual({ type: 'A-ASSOCIATE-RJ', result: 2, source: 2, reason: 1 });
  });

  test('200 connections against a limit each get their answer, while a transfer beside them finishes', async () => {
    const limit = 5;
    const { port, intake, server } = await start({ maxAssociations: limit });
    const sender = await connectScriptedPeer(port);
    await sender.associate();
    sender.send(storeRq(), dataSetPdus(Buffer.alloc(500_000)).subarray(0, 300_000));

    const answers = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const peer = await connectScriptedPeer(port);
        peer.send(writePdu(associateRq()));
        const answer = await peer.next();
        return { peer, answer };
      }),
    );
    const rejected = answers.filter(({ answer }) => answer.type === 'A-ASSOCIATE-RJ');
    expect(rejected).toHaveLength(200 - (limit - 1));
    for (const { answer } of rejected) {
      expect(answer).toEqual({ type: 'A-ASSOCIATE-RJ', result: 2, source: 3, reason: 2 });
    }
    expect(server.associations().filter((association) => association.state === 'Sta6')).toHaveLength(limit);

    sender.send(dataSetPdus(Buffer.alloc(500_000)).subarray(300_000));
    expect((await sender.response()).status).toBe(0);
    expect(intake.received[0]?.bytes).toBe(500_000);
    for (const { peer } of answers) peer.destroy();
    await sender.release();
  });

  test('a limit per peer, and the place is free again after the release', async () => {
    const { port } = await start({ maxAssociationsPerPeer: 1 });
    const first = await connectScriptedPeer(port);
    await first.associate();
    const second = await connectScriptedPeer(port);
    second.send(writePdu(associateRq()));
    expect(await second.next()).toEqual({ type: 'A-ASSOCIATE-RJ', result: 2, source: 3, reason: 2 });
    await first.release();
    const third = await connectScriptedPeer(port);
    await third.associate();
    await third.release();
  });
});

describe('peers that break the protocol get an A-ABORT, and the others go on', () => {
  test.each([
    ['garbage instead of a request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a request that announces 4 GB', Buffer.from('0100ffffffff', 'hex')],
    ['a request whose items do not add up', Buffer.from('010000000002ffff', 'hex')],
    ['data before any request', dataSetPdus(Buffer.alloc(10))],
    ['a release before any request', writePdu({ type: 'A-RELEASE-RQ' })],
  ])('%s (Sta2, AA-1)', async (_name, bytes) => {
    const { port, nextSummary } = await start();
    const ended = nextSummary();
    const peer = await connectScriptedPeer(port);
    peer.send(bytes);
    expect(await peer.next()).toEqual(SERVICE_USER);
    peer.end();
    expect((await ended).outcome).toBe('aborted-by-us');
  });

  test.each([
    ['garbage', Buffer.from('\xff\xfe\xfd\xfc\xfb\xfa', 'latin1'), UNRECOGNIZED_PDU],
    ['a P-DATA-TF that announces 4 GB', Buffer.from('0400ffffffff', 'hex'), INVALID_VALUE],
    ['a P-DATA-TF longer than announced', Buffer.from('040000020001', 'hex'), INVALID_VALUE],
    ['a PDV longer than its P-DATA-TF', Buffer.from('04000000000a' + '00000fff0103', 'hex'), INVALID_VALUE],
    ['a PDV on a context that was not accepted', echoRq(1, 99), INVALID_VALUE],
    ['a Data Set without a command', dataSetPdus(Buffer.alloc(10)), UNEXPECTED_PARAMETER],
    ['a command inside a Data Set', Buffer.concat([storeRq(), echoRq(2, 1)]), UNEXPECTED_PARAMETER],
    ['a second A-ASSOCIATE-RQ', writePdu(associateRq()), UNEXPECTED_PDU],
    ['an A-RELEASE-RP', writePdu({ type: 'A-RELEASE-RP' }), UNEXPECTED_PDU],
    [
      'an A-ASSOCIATE-RJ',
      writePdu({ type: 'A-ASSOCIATE-RJ', result: 1, source: 1, reason: 1 }),
      UNEXPECTED_PDU,
    ],
  ])('%s (Sta6, AA-8)', async (_name, bytes, reason) => {
    const { port, nextSummary, intake } = await start();
    const other = await connectScriptedPeer(port);
    await other.associate();
    const ended = nextSummary();
    const peer = await connectScriptedPeer(port);
    await peer.associate();
    peer.send(bytes);
    expect(await peer.next()).toEqual(providerAbort(reason));
    peer.end();
    const summary = await ended;
    expect(summary.outcome).toBe('aborted-by-us');
    expect(summary.lastError).toBeTypeOf('string');
    expect(intake.ended).toEqual([summary.id]);
    other.send(echoRq());
    expect((await other.response()).status).toBe(0);
    await other.release();
  });

  test('a Command Set that cannot be read is aborted by the service-user', async () => {
    const { port } = await start();
    const peer = await connectScriptedPeer(port);
    await peer.associate();
    const noCommand = Buffer.from('0400' + '0000000a' + '00000006' + '0303' + 'ffffffff', 'hex');
    peer.send(noCommand);
    expect(await peer.next()).toEqual(SERVICE_USER);
  });

  test('what is still sent behind the A-ABORT is taken in, so that the A-ABORT arrives', async () => {
    const { port, nextSummary } = await start();
    const ended = nextSummary();
    const peer = await connectScriptedPeer(port);
    await peer.associate();
    peer.send(Buffer.from('0400ffffffff', 'hex'), Buffer.alloc(3_000_000, 4));
    expect(await peer.next()).toEqual(providerAbort(INVALID_VALUE));
    peer.end();
    await ended;
  });
});

describe('peers that fall silent or go away', () => {
  test.each([
    ['nothing at all', Buffer.alloc(0)],
    ['half a request', writePdu(associateRq()).subarray(0, 100)],
  ])('%s: closed when ARTIM expires', async (_name, bytes) => {
    const { port, nextSummary } = await start({ artimTimeoutMs: 50 });
    const ended = nextSummary();
    const peer = await connectScriptedPeer(port);
    if (bytes.length > 0) peer.send(bytes);
    expect(await peer.closed()).toEqual([]);
    expect(await ended).toMatchObject({ outcome: 'timed-out', objects: 0 });
  });

  test('half a P-DATA-TF: aborted after the idle time, and the half object is given up', async () => {
    const { port, nextSummary, intake } = await start({ idleTimeoutMs: 80 });
    const ended = nextSummary();
    const peer = await connectScriptedPeer(port);
    await peer.associate();
    peer.send(storeRq(), dataSetPdus(Buffer.alloc(10_000)).subarray(0, 5000));
    expect(await peer.next()).toEqual(SERVICE_USER);
    peer.end();
    expect(await ended).toMatchObject({ outcome: 'timed-out', lastError: 'peer was silent for 80 ms' });
    expect(intake.aborted).toHaveLength(1);
    expect(intake.received).toHaveLength(0);
  });

  test('an object that comes a byte at a time is given up after the idle time, whatever its peer has left', async () => {
    const { port, nextSummary, intake } = await start({ idleTimeoutMs: 200, minBytesPerSecond: 10_000 });
    const ended = nextSummary();
    const peer = await connectScriptedPeer(port);
    await peer.associate();
    const dataSet = dataSetPdus(Buffer.alloc(10_000));
    peer.send(storeRq());
    let sent = 0;
    const trickle = setInterval(() => peer.send(dataSet.subarray(sent, (sent += 1))), 10);
    try {
      expect(await peer.next()).toEqual(SERVICE_USER);
    } finally {
      clearInterval(trickle);
    }
    peer.end();
    expect(await ended).toMatchObject({
      outcome: 'timed-out',
      lastError: 'peer sent less than 10000 bytes per second of a message for 200 ms',
    });
    expect(sent).toBeGreaterThan(5);
    expect(intake.aborted).toHaveLength(1);
  });

  test('an aborted peer that does not close is closed when ARTIM expires', async () => {
    const { port, nextSummary } = await start({ artimTimeoutMs: 200 });
    const ended = nextSummary();
    const peer = await connectScriptedPeer(port);
    await peer.associate();
    peer.send(writePdu({ type: 'A-RELEASE-RP' }));
    expect(await peer.next()).toEqual(providerAbort(UNEXPECTED_PDU));
    await peer.closed();
    expect((await ended).outcome).toBe('aborted-by-us');
  });

  test.each([
    ['A-ABORT', 'aborted-by-peer'],
    ['a reset connection', 'connection-lost'],
    ['a closed connection', 'connection-lost'],
  ])('%s in the middle of an object gives the object up', async (how, outcome) => {
    const { port, nextSummary, intake } = await start();
    const ended = nextSummary();
    const begun = intake.nextBegin();
    const peer = await connectScriptedPeer(port);
    await peer.associate();
    // Whole PDUs, but not the last of the Data Set.
    peer.send(storeRq(), dataSetPdus(Buffer.alloc(100_000)).subarray(0, 3 * (16_384 + 6)));
    await begun;
    if (how === 'A-ABORT') peer.send(writePdu({ type: 'A-ABORT', source: 0, reason: 0 }));
    else if (how === 'a reset connection') peer.destroy();
    else peer.end();
    const summary = await ended;
    expect(summary).toMatchObject({ outcome, objects: 0 });
    expect(intake.ended).toEqual([summary.id]);
    expect(intake.aborted).toHaveLength(1);
    expect(intake.received).toHaveLength(0);
  });

  test('a peer that never reads its answers is not served without end, and does not disturb others', async () => {
    const { port, nextSummary } = await start({ idleTimeoutMs: 100, artimTimeoutMs: 100 });
    const ended = nextSummary();
    const flooder = await connectScriptedPeer(port);
    await flooder.associate();
    flooder.stopReading();
    const stores = Buffer.concat(
      Array.from({ length: 5000 }, (_, index) => [
        storeRq({ messageId: index }),
        dataSetPdus(Buffer.alloc(2)),
      ]).flat(),
    );
    for (let round = 0; round < 20; round += 1) flooder.send(stores);
    const summary = await ended;
    expect(summary.outcome).toBe('timed-out');
    expect(summary.objects).toBeGreaterThan(0);
    expect(summary.objects).toBeLessThan(100_000);
    flooder.destroy();
  });
});
