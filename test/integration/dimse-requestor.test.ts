import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

import { afterEach, describe, expect, test } from 'vitest';

import { uid } from '../../src/dicom/uid.ts';
import {
  COMMAND_ELEMENT,
  COMMAND_FIELD,
  NO_DATA_SET,
  RESPONSE_BIT,
  readUint16,
  uint16Element,
} from '../../src/dimse/message/command-set.ts';
import { readPdu } from '../../src/dimse/pdu/reader.ts';
import type { AAssociateRq, Pdu, RoleSelection } from '../../src/dimse/pdu/types.ts';
import { writePdu } from '../../src/dimse/pdu/writer.ts';
import { requestAssociation } from '../../src/dimse/scu/requestor.ts';
import type { RequestorOptions } from '../../src/dimse/scu/requestor.ts';
import { createSystemClock } from '../../src/platform/clock.ts';
import { commandPdus } from '../support/scripted-peer.ts';

const PUSH_MODEL = uid('1.2.840.10008.1.20.1');
const EXPLICIT = uid('1.2.840.10008.1.2.1');
const LIMITS = { maxAssociatePduBytes: 1 << 20, maxPDataTfBytes: 0 };

let server: Server | undefined;
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server?.close();
});

/** An acceptor that hands each PDU to `answer`. @returns its port and what it received. */
async function accept(
  answer: (pdu: Pdu, socket: Socket) => void,
): Promise<{ port: number; received: Pdu[] }> {
  const received: Pdu[] = [];
  server = createServer((socket) => {
    sockets.add(socket);
    let buffered = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      for (;;) {
        const result = readPdu(buffered, LIMITS);
        if (result.kind !== 'pdu') return;
        buffered = buffered.subarray(result.consumedBytes);
        received.push(result.pdu);
        answer(result.pdu, socket);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, received };
}

function acceptance(
  request: AAssociateRq,
  changes: { result?: number; roles?: RoleSelection[]; maxPdu?: number } = {},
): Buffer {
  const { result = 0, roles = request.userInformation.roleSelections, maxPdu = 16_384 } = changes;
  return writePdu({
    ...request,
    type: 'A-ASSOCIATE-AC',
    presentationContexts: request.presentationContexts.map(({ id }) => ({
      id,
      result,
      transferSyntaxUid: EXPLICIT,
    })),
    userInformation: {
      ...request.userInformation,
      roleSelections: roles,
      maximumLengthReceived: maxPdu,
    },
  });
}

const connectTo = (port: number, changes: Partial<RequestorOptions> = {}) =>
  requestAssociation({
    host: '127.0.0.1',
    port,
    callingAeTitle: 'CITYMED',
    calledAeTitle: 'CT1',
    abstractSyntaxUid: PUSH_MODEL,
    transferSyntaxUids: [EXPLICIT],
    role: 'SCP',
    clock: createSystemClock(),
    timeoutMs: 5000,
    signal: new AbortController().signal,
    ...changes,
  });

const eventReport = (dataSet: Buffer) => ({
  presentationContextId: 1,
  commandField: COMMAND_FIELD['N-EVENT-REPORT-RQ'],
  elements: [uint16Element(COMMAND_ELEMENT.eventTypeId, 1)],
  dataSet,
});

function eventReportRsp(messageId: number): Buffer {
  return commandPdus(1, [
    uint16Element(COMMAND_ELEMENT.commandField, COMMAND_FIELD['N-EVENT-REPORT-RQ'] | RESPONSE_BIT),
    uint16Element(COMMAND_ELEMENT.messageIdBeingRespondedTo, messageId),
    uint16Element(COMMAND_ELEMENT.commandDataSetType, NO_DATA_SET),
    uint16Element(COMMAND_ELEMENT.status, 0),
  ]);
}

describe('an Association of ours', () => {
  test('asks for the SCP role, keeps to the peer’s PDU length, and releases', async () => {
    const { port, received } = await accept((pdu, socket) => {
      if (pdu.type === 'A-ASSOCIATE-RQ') socket.write(acceptance(pdu, { maxPdu: 256 }));
      if (pdu.type === 'A-RELEASE-RQ') socket.end(writePdu({ type: 'A-RELEASE-RP' }));
      if (pdu.type !== 'P-DATA-TF') return;
      const [pdv] = pdu.presentationDataValues;
      if (pdv?.isCommand === false && pdv.isLastFragment) socket.write(eventReportRsp(1));
    });
    const association = await connectTo(port);
    const response = await association.invoke(eventReport(Buffer.alloc(1000, 7)));
    expect(readUint16(response, COMMAND_ELEMENT.status)).toBe(0);
    await association.release();

    const [request] = received;
    expect(request).toMatchObject({
      type: 'A-ASSOCIATE-RQ',
      callingAeTitleField: 'CITYMED'.padEnd(16),
      calledAeTitleField: 'CT1'.padEnd(16),
      userInformation: { roleSelections: [{ sopClassUid: PUSH_MODEL, scuRole: false, scpRole: true }] },
    });
    const values = received.flatMap((pdu) => (pdu.type === 'P-DATA-TF' ? pdu.presentationDataValues : []));
    expect(Math.max(...values.map(({ fragment }) => fragment.length))).toBeLessThanOrEqual(250);
    const dataSet = values.filter(({ isCommand }) => !isCommand).map(({ fragment }) => fragment);
    expect(Buffer.concat(dataSet)).toEqual(Buffer.alloc(1000, 7));
    expect(received.at(-1)?.type).toBe('A-RELEASE-RQ');
  });

  test('is taken from a peer that does not know of roles, and not from one that denies ours', async () => {
    let roles: RoleSelection[] = [];
    const { port } = await accept((pdu, socket) => {
      if (pdu.type === 'A-ASSOCIATE-RQ') socket.write(acceptance(pdu, { roles }));
      if (pdu.type === 'A-RELEASE-RQ') socket.end(writePdu({ type: 'A-RELEASE-RP' }));
    });
    await (await connectTo(port)).release();
    roles = [{ sopClassUid: PUSH_MODEL, scuRole: false, scpRole: false }];
    await expect(connectTo(port)).rejects.toThrow('does not let us take the SCP role');
  });

  test.each<[string, (pdu: Pdu, socket: Socket) => void, string, number?]>([
    [
      'a rejection',
      (_pdu, socket) => socket.write(writePdu({ type: 'A-ASSOCIATE-RJ', result: 1, source: 1, reason: 7 })),
      'Association rejected (called AE title not recognized)',
    ],
    [
      'an abort',
      (_pdu, socket) => socket.write(writePdu({ type: 'A-ABORT', source: 2, reason: 0 })),
      'A-ABORT received (by its DICOM implementation',
    ],
    ['a closed connection', (_pdu, socket) => socket.destroy(), 'closed the connection'],
    [
      'a context that is not accepted',
      (pdu, socket) => pdu.type === 'A-ASSOCIATE-RQ' && socket.write(acceptance(pdu, { result: 3 })),
      'not accept the Presentation Context (result 3)',
    ],
    ['garbage', (_pdu, socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), 'PDU-type 0x48'],
    ['silence', () => undefined, 'no answer to A-ASSOCIATE-RQ in time', 300],
  ])('fails with a reason upon %s', async (_name, answer, reason, timeoutMs = 10_000) => {
    const { port } = await accept(answer);
    await expect(connectTo(port, { timeoutMs })).rejects.toThrow(reason);
  });

  test('fails with a reason where nobody listens', async () => {
    const { port } = await accept(() => undefined);
    server?.close();
    await expect(connectTo(port)).rejects.toThrow('connection refused');
  });

  test('gives a request up when the peer goes, stays silent, or we are told to', async () => {
    const { port } = await accept((pdu, socket) => {
      if (pdu.type === 'A-ASSOCIATE-RQ') socket.write(acceptance(pdu));
      if (pdu.type === 'P-DATA-TF' && pdu.presentationDataValues[0]?.fragment.includes('bye'))
        socket.destroy();
    });
    const left = await connectTo(port);
    await expect(left.invoke(eventReport(Buffer.from('bye!')))).rejects.toThrow('closed the connection');

    const silent = await connectTo(port, { timeoutMs: 300 });
    await expect(silent.invoke(eventReport(Buffer.alloc(2)))).rejects.toThrow(
      'no answer to N-EVENT-REPORT-RQ',
    );
    await silent.release();

    const giveUp = new AbortController();
    const given = await connectTo(port, { signal: giveUp.signal });
    const invoked = given.invoke(eventReport(Buffer.alloc(2)));
    giveUp.abort();
    await expect(invoked).rejects.toThrow('given up');
    await given.release();
  });
});
