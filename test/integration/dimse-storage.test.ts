import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { afterEach, describe, expect, test } from 'vitest';

import type { IngestOutcome, RefusalCode } from '../../src/core/ports/intake.ts';
import { uid } from '../../src/dicom/uid.ts';
import {
  COMMAND_ELEMENT,
  COMMAND_FIELD,
  NO_DATA_SET,
  readUid,
  uidElement,
  uint16Element,
} from '../../src/dimse/message/command-set.ts';
import { startDimseServer } from '../support/dimse-server.ts';
import type { RunningDimseServer } from '../support/dimse-server.ts';
import { CONFLICT, DUPLICATE, STORED, createMemoryIntake } from '../support/memory-intake.ts';
import {
  CT_IMAGE_STORAGE,
  associateRq,
  commandPdus,
  connectScriptedPeer,
  dataSetPdus,
  echoRq,
  storeRq,
} from '../support/scripted-peer.ts';
import type { ScriptedPeer } from '../support/scripted-peer.ts';

let running: RunningDimseServer | undefined;
async function start(...options: Parameters<typeof startDimseServer>): Promise<RunningDimseServer> {
  running = await startDimseServer(...options);
  return running;
}
afterEach(async () => {
  await running?.server.close();
  running = undefined;
});
async function associated(port: number, request = associateRq()): Promise<ScriptedPeer> {
  const peer = await connectScriptedPeer(port);
  await peer.associate(request);
  return peer;
}

/** A promise that a test resolves when it wants to. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
const bytesLike = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, index) => (index * 31) & 0xff));
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('the Data Set', () => {
  test.each([4096, 16_384, 131_072])('arrives byte for byte in PDUs of %i bytes', async (pduLength) => {
    const { port, intake } = await start();
    const peer = await associated(port);
    const dataSet = bytesLike(1_000_001);
    peer.send(storeRq({ sopInstanceUid: '1.2.826.42' }), dataSetPdus(dataSet, 1, pduLength));
    const response = await peer.response();
    expect(response.status).toBe(0);
    expect(readUid(response.command, COMMAND_ELEMENT.affectedSopInstanceUid)).toBe('1.2.826.42');
    expect(intake.received[0]).toMatchObject({
      declared: {
        transferSyntaxUid: '1.2.840.10008.1.2.1',
        sopClassUid: CT_IMAGE_STORAGE,
        sopInstanceUid: '1.2.826.42',
      },
      bytes: dataSet.length,
      digest: digest(dataSet),
    });
    await peer.release();
  });

  test('waits for the disk: while a write is pending nothing more is handed over or answered', async () => {
    const first = gate();
    let writes = 0;
    const intake = createMemoryIntake({
      beforeWrite: () => {
        writes += 1;
        return writes === 1 ? first.opened : Promise.resolve();
      },
    });
    const { port } = await start({ intake });
    const peer = await associated(port);
    const dataSet = bytesLike(3_000_000);
    const begun = intake.nextBegin();
    peer.send(storeRq(), dataSetPdus(dataSet), echoRq(2));
    await begun;
    const other = await associated(port);
    other.send(echoRq());
    expect((await other.response()).status).toBe(0);
    expect(writes).toBe(1);
    first.open();
    expect((await peer.response()).messageId).toBe(1);
    expect((await peer.response()).messageId).toBe(2);
    expect(intake.mostWritesAtOnce()).toBe(1);
    expect(intake.received[0]?.digest).toBe(digest(dataSet));
  });

  test('stays with its Association, however the bytes of several come in turns', async () => {
    // Every write is waited for, so that what each socket has read meanwhile has to be held.
    const intake = createMemoryIntake({ beforeWrite: () => nextTurn() });
    const { port } = await start({ intake });
    const senders = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const dataSet = Buffer.alloc(700_000, index + 1);
        const sopInstanceUid = `1.2.826.${index + 1}`;
        const bytes = Buffer.concat([storeRq({ sopInstanceUid }), dataSetPdus(dataSet, 1, 65_536)]);
        return { peer: await associated(port), sopInstanceUid, dataSet, bytes };
      }),
    );
    // Lengths that fit no PDU: headers are torn as well.
    const step = 40_961;
    for (let at = 0; at < 720_000; at += step) {
      for (const { peer, bytes } of senders) peer.send(bytes.subarray(at, at + step));
      await nextTurn();
    }
    const statuses = await Promise.all(senders.map(async ({ peer }) => (await peer.response()).status));
    expect(statuses).toEqual(senders.map(() => 0));
    const received = new Map(
      intake.received.map((object) => [object.declared.sopInstanceUid, object.digest]),
    );
    for (const { sopInstanceUid, dataSet } of senders)
      expect(received.get(uid(sopInstanceUid))).toBe(digest(dataSet));
  });
});

describe('the answer', () => {
  test.each([
    ['stored', STORED, 0x0000, undefined],
    ['duplicate', DUPLICATE, 0x0000, undefined],
    ['conflict', CONFLICT, 0x0000, undefined],
    ['out-of-resources', refused('out-of-resources'), 0xa700, 'because of out-of-resources'],
    ['identity-mismatch', refused('identity-mismatch'), 0xa900, 'because of identity-mismatch'],
    ['cannot-understand', refused('cannot-understand'), 0xc000, 'because of cannot-understand'],
    ['processing-failure', refused('processing-failure'), 0x0110, 'because of processing-failure'],
  ])('%s', async (_name, outcome, status, errorComment) => {
    const { port, nextSummary } = await start({ intake: createMemoryIntake({ outcome: () => outcome }) });
    const peer = await associated(port);
    peer.send(storeRq(), dataSetPdus(bytesLike(10)));
    expect(await peer.response()).toMatchObject({ status, errorComment });
    const ended = nextSummary();
    await peer.release();
    expect(await ended).toMatchObject({
      objects: status === 0 ? 1 : 0,
      refusedObjects: status === 0 ? 0 : 1,
    });
  });

  test('is processing failure where the intake breaks its word, and the Association goes on', async () => {
    const intake = createMemoryIntake({ outcome: () => Promise.reject(new Error('bug')) });
    const { port, logger } = await start({ intake });
    const peer = await associated(port);
    peer.send(storeRq(), dataSetPdus(bytesLike(10)), echoRq(2));
    expect(await peer.response()).toMatchObject({ messageId: 1, status: 0x0110 });
    expect(await peer.response()).toMatchObject({ messageId: 2, status: 0 });
    expect(logger.messages('error')).toEqual(['DIMSE service failed']);
  });

  test.each([
    ['no SOP Instance UID', { sopInstanceUid: undefined }, 0x0117],
    ['a SOP Instance UID that is a path', { sopInstanceUid: '../../etc/passwd' }, 0x0117],
    ['no SOP Class UID', { sopClassUid: undefined }, 0x0122],
    ['a SOP Class that is not stored', { sopClassUid: '1.2.840.10008.5.1.4.1.2.2.1' }, 0x0122],
  ])('%s: refused, its Data Set taken in, and the next object is stored', async (_name, changes, status) => {
    const { port, intake } = await start();
    const peer = await associated(port);
    peer.send(storeRq({ messageId: 1, ...changes }), dataSetPdus(bytesLike(200_000)));
    peer.send(storeRq({ messageId: 2 }), dataSetPdus(bytesLike(5)));
    expect(await peer.response()).toMatchObject({ messageId: 1, status });
    expect(await peer.response()).toMatchObject({ messageId: 2, status: 0 });
    expect(intake.received).toHaveLength(1);
    await peer.release();
  });

  test('a C-STORE-RQ without a Data Set is not understood', async () => {
    const { port } = await start();
    const peer = await associated(port);
    peer.send(storeRq({ hasDataSet: false }));
    expect(await peer.response()).toMatchObject({ status: 0xc000 });
  });

  test.each([
    ['C-FIND-RQ with its Identifier', COMMAND_FIELD['C-FIND-RQ'], 1],
    ['N-CREATE-RQ', COMMAND_FIELD['N-CREATE-RQ'], 1],
    ['C-ECHO-RQ on a storage context', COMMAND_FIELD['C-ECHO-RQ'], 1],
    ['C-STORE-RQ on the Verification context', COMMAND_FIELD['C-STORE-RQ'], 3],
  ])('%s: unrecognized operation, and the Association goes on', async (_name, commandField, contextId) => {
    const { port } = await start();
    const peer = await associated(port);
    peer.send(
      commandPdus(contextId, [
        uint16Element(COMMAND_ELEMENT.commandField, commandField),
        uint16Element(COMMAND_ELEMENT.messageId, 7),
        uint16Element(COMMAND_ELEMENT.commandDataSetType, 1),
      ]),
      dataSetPdus(bytesLike(100), contextId),
    );
    expect(await peer.response()).toMatchObject({
      commandField: commandField | 0x8000,
      messageId: 7,
      status: 0x0211,
    });
    peer.send(echoRq());
    expect((await peer.response()).status).toBe(0);
  });

  test('C-CANCEL-RQ has none', async () => {
    const { port } = await start();
    const peer = await associated(port);
    peer.send(
      commandPdus(1, [
        uint16Element(COMMAND_ELEMENT.commandField, COMMAND_FIELD['C-CANCEL-RQ']),
        uint16Element(COMMAND_ELEMENT.messageIdBeingRespondedTo, 1),
        uint16Element(COMMAND_ELEMENT.commandDataSetType, NO_DATA_SET),
      ]),
      echoRq(5),
    );
    expect(await peer.response()).toMatchObject({ messageId: 5, status: 0 });
  });

  test('a response that nobody asked for is a violation', async () => {
    const { port } = await start();
    const peer = await associated(port);
    peer.send(
      commandPdus(1, [
        uidElement(COMMAND_ELEMENT.affectedSopClassUid, CT_IMAGE_STORAGE),
        uint16Element(COMMAND_ELEMENT.commandField, 0x8001),
        uint16Element(COMMAND_ELEMENT.commandDataSetType, NO_DATA_SET),
      ]),
    );
    expect(await peer.next()).toEqual({ type: 'A-ABORT', source: 0, reason: 0 });
  });
});

describe('objects queued on the socket', () => {
  test('are stored and answered one by one, in order', async () => {
    let atOnce = 0;
    let most = 0;
    const intake = createMemoryIntake({
      outcome: async () => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        atOnce -= 1;
        return STORED;
      },
    });
    const { port } = await start({ intake, maxOperationsPerformed: 8 });
    const peer = await associated(port);
    const ids = Array.from({ length: 50 }, (_, index) => index + 1);
    peer.send(...ids.flatMap((messageId) => [storeRq({ messageId }), dataSetPdus(bytesLike(3000))]));
    const answered: (number | undefined)[] = [];
    while (answered.length < ids.length) answered.push((await peer.response()).messageId);
    expect(answered).toEqual(ids);
    expect(most).toBe(1);
    await peer.release();
  });

  test('overlap as far as the negotiated Asynchronous Operations Window allows, also up to the release', async () => {
    const held = gate();
    let waiting = 0;
    const full = gate();
    const intake = createMemoryIntake({
      outcome: async () => {
        waiting += 1;
        if (waiting === 3) full.open();
        await held.opened;
        return STORED;
      },
    });
    const { port, nextSummary } = await start({ intake, maxOperationsPerformed: 3 });
    const ended = nextSummary();
    const window = { maximumNumberOperationsInvoked: 10, maximumNumberOperationsPerformed: 1 };
    const peer = await connectScriptedPeer(port);
    const accepted = await peer.associate(
      associateRq({ userInformation: { asynchronousOperationsWindow: window } }),
    );
    expect(accepted.userInformation.asynchronousOperationsWindow?.maximumNumberOperationsInvoked).toBe(3);
    const ids = [1, 2, 3, 4, 5];
    peer.send(...ids.flatMap((messageId) => [storeRq({ messageId }), dataSetPdus(bytesLike(10))]));
    await full.opened;
    expect(waiting).toBe(3);
    held.open();
    const answered: (number | undefined)[] = [];
    while (answered.length < ids.length) answered.push((await peer.response()).messageId);
    expect(answered.sort()).toEqual(ids);
    await peer.release();
    expect(await ended).toMatchObject({ outcome: 'released', objects: 5 });
  });
});

describe('shutting down', () => {
  test('the object in flight is finished and answered, then the Association is aborted by the service-user', async () => {
    const { port, intake, server, nextSummary } = await start();
    const peer = await associated(port);
    const pdus = dataSetPdus(bytesLike(100_000));
    const begun = intake.nextBegin();
    peer.send(storeRq(), pdus.subarray(0, 20_000));
    await begun;
    const ended = nextSummary();
    const drained = server.drain(60_000);
    peer.send(pdus.subarray(20_000));
    expect((await peer.response()).status).toBe(0);
    expect(await peer.next()).toEqual({ type: 'A-ABORT', source: 0, reason: 0 });
    peer.end();
    await drained;
    expect(await ended).toMatchObject({ outcome: 'aborted-by-us', objects: 1, lastError: 'shutting down' });
    await expect(connectScriptedPeer(port)).rejects.toThrow('ECONNREFUSED');
  });

  test('idle Associations are aborted at once, and connections without one closed', async () => {
    const { port, server } = await start();
    const idle = await associated(port);
    const silent = await connectScriptedPeer(port);
    const drained = server.drain(60_000);
    expect(await idle.next()).toEqual({ type: 'A-ABORT', source: 0, reason: 0 });
    idle.end();
    expect(await silent.closed()).toEqual([]);
    await drained;
  });

  test('an idle peer that takes the A-ABORT and leaves its connection open is not waited for', async () => {
    const { port, server } = await start({ artimTimeoutMs: 600_000 });
    const idle = await associated(port);
    const drained = server.drain(600_000);
    expect(await idle.next()).toEqual({ type: 'A-ABORT', source: 0, reason: 0 });
    await drained;
    idle.destroy();
  });

  test('at the deadline an unfinished object is given up', async () => {
    const { port, intake, server } = await start();
    const peer = await associated(port);
    const begun = intake.nextBegin();
    peer.send(storeRq(), dataSetPdus(bytesLike(100_000)).subarray(0, 20_000));
    await begun;
    const drained = server.drain(20);
    expect(await peer.next()).toEqual({ type: 'A-ABORT', source: 0, reason: 0 });
    await drained;
    expect(intake.aborted).toHaveLength(1);
    expect(server.associations()).toEqual([]);
  });

  test('waits for an outcome that the intake still owes', async () => {
    const held = gate();
    const asked = gate();
    const intake = createMemoryIntake({
      outcome: async () => {
        asked.open();
        await held.opened;
        return STORED;
      },
    });
    const { port, server, summaries } = await start({ intake });
    const peer = await associated(port);
    peer.send(storeRq(), dataSetPdus(bytesLike(10)));
    await asked.opened;
    peer.destroy();
    const closed = server.close();
    held.open();
    await closed;
    expect(intake.received).toHaveLength(1);
    expect(intake.ended).toEqual([summaries[0]?.id]);
  });
});

function refused(code: RefusalCode): IngestOutcome {
  return { kind: 'refused', code, message: `because of ${code}` };
}
