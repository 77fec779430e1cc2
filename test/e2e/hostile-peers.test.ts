import { createHash } from 'node:crypto';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { writePdu } from '../../src/dimse/pdu/writer.ts';
import { syntheticCt, syntheticCtStream } from '../support/data-sets.ts';
import { listIncoming, readObjectFolder } from '../support/object-folder.ts';
import {
  associateRq,
  connectScriptedPeer,
  dataSetPdus,
  echoRq,
  type ScriptedPeer,
  storeRq,
} from '../support/scripted-peer.ts';
import { sendObjects } from '../support/send-objects.ts';
import { CENTRES, createSite, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const { city, north } = CENTRES;
const MAX_ASSOCIATIONS = 24;
/** Of 200 MB, sent before, between and after everything else. */
const LARGE = syntheticCtStream({ seed: 'large', rows: 10_000, columns: 10_000 });
const LARGE_STARTS_WITH_BYTES = 60_000_000;
const MEMORY_LIMIT_BYTES = 300_000_000;

const REJECTED = { type: 'A-ASSOCIATE-RJ', result: 1, source: 1 };
const ABORTED_BY_USER = { type: 'A-ABORT', source: 0, reason: 0 };
const abortedByProvider = (reason: number) => ({ type: 'A-ABORT', source: 2, reason });

let site: Site;
let transfer: LargeTransfer;
beforeAll(async () => {
  site = await createSite({
    config: {
      dimse: {
        host: '127.0.0.1',
        port: 0,
        maxAssociations: MAX_ASSOCIATIONS,
        maxAssociationsPerPeer: MAX_ASSOCIATIONS,
        artimTimeoutSeconds: 2,
        idleTimeoutSeconds: 2,
      },
      routes: [
        { calledAe: city.calledAe, customer: city.customer },
        { calledAe: north.calledAe, callingAe: ['MR1', 'MR2'], customer: north.customer },
        { calledAe: 'ELSEWHERE', from: ['10.9.0.0/16', 'fd00::/8'], customer: north.customer },
      ],
    },
  });
  await site.start();
  transfer = await startLargeTransfer(site.daemon.dimse.port);
});
afterAll(() => site.close());

const connectPeer = (): Promise<ScriptedPeer> => connectScriptedPeer(site.daemon.dimse.port);
/** The log line on the end of the first Association that fits. */
const ended = (outcome: string, lastError: RegExp) =>
  site.daemon.logged(
    (line) =>
      line.msg === 'Association ended' && line.outcome === outcome && lastError.test(String(line.lastError)),
  );

describe('beside a large transfer', () => {
  it.each([
    ['an unknown called AE title', 'NOBODY', 'MR1', 7],
    ['an unknown calling AE title', north.calledAe, 'STRANGER', 3],
    ['a sender at the wrong address', 'ELSEWHERE', 'MR1', 1],
  ])('%s is rejected for good, with the reason', async (_who, calledAe, callingAe, reason) => {
    const peer = await connectPeer();
    peer.send(
      writePdu(
        associateRq({
          calledAeTitleField: calledAe.padEnd(16),
          callingAeTitleField: callingAe.padEnd(16),
        }),
      ),
    );
    expect(await peer.next()).toEqual({ ...REJECTED, reason });
    peer.end();
    const line = await site.daemon.logged(
      ({ msg, calledAeTitle, callingAeTitle }) =>
        msg === 'no route for this sender' && calledAeTitle === calledAe && callingAeTitle === callingAe,
    );
    expect(line.explanation).toBeTypeOf('string');
  });

  it('contexts that are not supported are refused one by one, the others serve', async () => {
    const peer = await connectPeer();
    const { presentationContexts } = await peer.associate(
      associateRq({
        presentationContexts: [
          {
            id: 1,
            abstractSyntaxUid: '1.2.840.10008.5.1.4.1.2.2.1',
            transferSyntaxUids: ['1.2.840.10008.1.2'],
          },
          { id: 3, abstractSyntaxUid: '1.2.840.10008.1.1', transferSyntaxUids: ['1.2.840.10008.1.2'] },
          { id: 5, abstractSyntaxUid: '1.2.840.10008.5.1.4.1.1.2', transferSyntaxUids: ['not a UID'] },
        ],
      }),
    );
    const ABSTRACT_SYNTAX_NOT_SUPPORTED = 3;
    const TRANSFER_SYNTAXES_NOT_SUPPORTED = 4;
    expect(presentationContexts.map(({ id, result }) => [id, result])).toEqual([
      [1, ABSTRACT_SYNTAX_NOT_SUPPORTED],
      [3, 0],
      [5, TRANSFER_SYNTAXES_NOT_SUPPORTED],
    ]);
    peer.send(echoRq());
    expect(await peer.response()).toMatchObject({ status: 0 });
    await peer.release();
  });

  it.each([
    ['a request of 4 GB, declared', Buffer.from('0100ffffffff', 'hex')],
    ['garbage instead of a request', Buffer.from('GET / HTTP/1.1\r\nHost: images\r\n\r\n')],
    ['a TLS handshake', Buffer.from('16030100c8010000c40303' + '5a'.repeat(64), 'hex')],
  ])('%s is aborted', async (_what, bytes) => {
    const peer = await connectPeer();
    peer.send(bytes);
    expect(await peer.next()).toEqual(ABORTED_BY_USER);
    peer.end();
    await peer.closed();
  });

  it.each([
    ['a P-DATA-TF of 4 GB, declared', Buffer.from('0400ffffffff', 'hex'), 6],
    ['garbage within an Association', Buffer.from('fffefdfcfbfa', 'hex'), 1],
  ])('%s is aborted with the reason', async (_what, bytes, reason) => {
    const peer = await connectPeer();
    await peer.associate();
    peer.send(bytes);
    expect(await peer.next()).toEqual(abortedByProvider(reason));
    peer.end();
    await peer.closed();
  });

  it('half a request, then silence, is closed', async () => {
    const peer = await connectPeer();
    peer.send(writePdu(associateRq()).subarray(0, 100));
    expect(await peer.closed()).toEqual([]);
    await site.daemon.logged(({ msg }) => msg === 'no A-ASSOCIATE-RQ in time, closing');
  });

  it('half a P-DATA-TF, then silence, is aborted and leaves nothing behind', async () => {
    const peer = await connectPeer();
    await peer.associate();
    const { dataSet, sopInstanceUid } = syntheticCt({ seed: 'silent', rows: 512, columns: 512 });
    const pdus = dataSetPdus(dataSet);
    peer.send(storeRq({ sopInstanceUid }), pdus.subarray(0, 300_000));
    expect(await peer.next()).toEqual(ABORTED_BY_USER);
    peer.end();
    await peer.closed();
    await ended('timed-out', /silent/);
    // The large one's.
    await filesIncoming(1);
  });

  it.each([
    ['A-ABORT', 'aborted-by-peer', /A-ABORT received/],
    ['a reset', 'connection-lost', /./],
  ])('%s in the middle of a Data Set leaves nothing behind', async (how, outcome, lastError) => {
    const peer = await connectPeer();
    await peer.associate();
    const { dataSet, sopInstanceUid } = syntheticCt({ seed: how, rows: 512, columns: 512 });
    peer.send(storeRq({ sopInstanceUid }), dataSetPdus(dataSet).subarray(0, 20 * (16_384 + 6)));
    await filesIncoming(2);
    if (how === 'A-ABORT') peer.send(writePdu({ type: 'A-ABORT', source: 0, reason: 0 }));
    else peer.destroy();
    await ended(outcome, lastError);
    // The large one's.
    await filesIncoming(1);
  });

  it('of 200 connections at once those beyond the limit are rejected for now, and the others serve', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const peer = await connectPeer();
        peer.send(writePdu(associateRq()));
        return { peer, answer: await peer.next() };
      }),
    );
    const accepted = answers.filter(({ answer }) => answer.type === 'A-ASSOCIATE-AC');
    expect(accepted).toHaveLength(MAX_ASSOCIATIONS - 1);
    for (const { answer } of answers) {
      if (answer.type === 'A-ASSOCIATE-AC') continue;
      expect(answer).toEqual({ type: 'A-ASSOCIATE-RJ', result: 2, source: 3, reason: 2 });
    }
    const statuses = await Promise.all(
      accepted.map(async ({ peer }) => {
        peer.send(echoRq());
        return (await peer.response()).status;
      }),
    );
    expect(statuses).toEqual(accepted.map(() => 0));
    for (const { peer } of answers) peer.destroy();
    await waitUntil('the places are free again', async () => {
      const peer = await connectPeer();
      peer.send(writePdu(associateRq()));
      const { type } = await peer.next();
      peer.destroy();
      return type === 'A-ASSOCIATE-AC' ? true : undefined;
    });
  });

  it('an ordinary study comes in after all that', async () => {
    const image = syntheticCt({ seed: 'ordinary', rows: 64, columns: 64 });
    const to = site.daemon.dimse;
    expect(await sendObjects([image], { to, calledAe: city.calledAe })).toEqual([0]);
  });

  it('the large transfer has gone on all the while, and arrives intact in bounded memory', async () => {
    expect(transfer.isUnderWay()).toBe(true);
    expect(await transfer.finish()).toBe(0);
    const objects = await readObjectFolder(path.join(site.folder, 'data'));
    expect(objects.find(({ sopInstanceUid }) => sopInstanceUid === LARGE.sopInstanceUid)).toMatchObject({
      customer: city.customer,
      dataSetBytes: LARGE.byteLength,
      dataSetSha256: digestOfLarge(),
    });
    expect(objects).toHaveLength(2);
    await filesIncoming(0);

    const { host, port } = site.daemon.admin;
    const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text();
    const resident = Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]);
    expect(resident).toBeLessThan(MEMORY_LIMIT_BYTES);
    expect(site.daemon.log.filter(({ level }) => level === 'error')).toEqual([]);
    expect(site.daemon.noise).toEqual([]);
  });
});

const incoming = (): Promise<readonly string[]> => listIncoming(path.join(site.folder, 'data'));

/** Waits until so many receptions are under way. */
async function filesIncoming(count: number): Promise<void> {
  await waitUntil(`${count} receptions under way`, async () =>
    (await incoming()).length === count ? true : undefined,
  );
}

interface LargeTransfer {
  /** Whether it is still sending, and nothing has come back. */
  isUnderWay(): boolean;
  /** Sends the rest at full speed. @returns the DIMSE Status. */
  finish(): Promise<number | undefined>;
}

/** Sends the first part of {@link LARGE} at once, then a little at a time until it is told to finish. */
async function startLargeTransfer(port: number): Promise<LargeTransfer> {
  const peer = await connectScriptedPeer(port);
  await peer.associate();
  peer.send(storeRq({ sopInstanceUid: LARGE.sopInstanceUid }));
  const hurry = new AbortController();
  let isDone = false;
  let sentBytes = 0;

  async function sendAll(): Promise<number | undefined> {
    for (const chunk of LARGE.chunks()) {
      sentBytes += chunk.length;
      const isLast = sentBytes === LARGE.byteLength;
      peer.send(
        writePdu({
          type: 'P-DATA-TF',
          presentationDataValues: [
            { presentationContextId: 1, isCommand: false, isLastFragment: isLast, fragment: chunk },
          ],
        }),
      );
      await peer.drained();
      const isPaced = sentBytes > LARGE_STARTS_WITH_BYTES && !hurry.signal.aborted;
      if (isPaced) await delay(20, undefined, { signal: hurry.signal }).catch(() => undefined);
    }
    const { status } = await peer.response();
    isDone = true;
    await peer.release();
    return status;
  }
  const sending = sendAll();
  // A failure is told by `finish`; until then it must not end the test run.
  sending.catch(() => {
    isDone = true;
  });
  return {
    isUnderWay: () => !isDone,
    finish() {
      hurry.abort();
      return sending;
    },
  };
}

function digestOfLarge(): string {
  const hash = createHash('sha256');
  for (const chunk of LARGE.chunks()) hash.update(chunk);
  return hash.digest('hex');
}
