import { once } from 'node:events';
import { connect } from 'node:net';

import { COMMAND_ELEMENT, decodeCommandSet, readUint16 } from '../../src/dimse/message/command-set.ts';
import { readPdu } from '../../src/dimse/pdu/reader.ts';
import type { Pdu } from '../../src/dimse/pdu/types.ts';
import { writePdu } from '../../src/dimse/pdu/writer.ts';
import type { SyntheticStream } from './data-sets.ts';
import { associateRq, storeRq } from './scripted-peer.ts';

export interface StreamTarget {
  readonly port: number;
  readonly calledAe: string;
  readonly callingAe?: string;
}

/** An Association over which Data Sets of any size go in constant memory. */
export interface StreamSender {
  /** @returns the DIMSE Status. */
  store(object: SyntheticStream): Promise<number>;
  /** Sends the beginning only, and stays connected. */
  stall(object: SyntheticStream, bytes: number): Promise<void>;
  /** Resolves when the acceptor has ended it. */
  readonly closed: Promise<void>;
  release(): Promise<void>;
  destroy(): void;
}

/** Opens an Association for CT objects. @throws Error where it is not accepted. */
export async function openStreamSender(target: StreamTarget): Promise<StreamSender> {
  const socket = connect({ port: target.port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  let buffered = Buffer.alloc(0);
  const pdus: Pdu[] = [];
  let wake = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      const result = readPdu(buffered, { maxAssociatePduBytes: 1_000_000, maxPDataTfBytes: 0 });
      if (result.kind !== 'pdu') break;
      pdus.push(result.pdu);
      buffered = buffered.subarray(result.consumedBytes);
    }
    wake();
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  void closed.then(() => wake());
  const next = async (): Promise<Pdu> => {
    for (;;) {
      const pdu = pdus.shift();
      if (pdu !== undefined) return pdu;
      if (socket.destroyed) throw new Error('the acceptor closed the connection');
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };

  socket.write(
    writePdu(
      associateRq({
        calledAeTitleField: target.calledAe.padEnd(16),
        callingAeTitleField: (target.callingAe ?? 'STREAM').padEnd(16),
      }),
    ),
  );
  const answer = await next();
  if (answer.type !== 'A-ASSOCIATE-AC') {
    socket.destroy();
    throw new Error(`not accepted: ${JSON.stringify(answer)}`);
  }

  let messageId = 0;
  async function send(object: SyntheticStream, bytes: number): Promise<void> {
    messageId += 1;
    const { sopClassUid, sopInstanceUid } = object;
    socket.write(storeRq({ messageId, sopClassUid, sopInstanceUid }));
    let left = bytes;
    for (const chunk of object.chunks()) {
      if (left <= 0 || socket.destroyed) return;
      const fragment = chunk.length > left ? chunk.subarray(0, left) : chunk;
      left -= fragment.length;
      const header = Buffer.alloc(12);
      header[0] = 4;
      header.writeUInt32BE(fragment.length + 6, 2);
      header.writeUInt32BE(fragment.length + 2, 6);
      header[10] = 1;
      header[11] = left === 0 && bytes === object.byteLength ? 2 : 0;
      socket.cork();
      socket.write(header);
      const mayGoOn = socket.write(fragment);
      socket.uncork();
      if (!mayGoOn) await Promise.race([once(socket, 'drain'), closed]);
    }
  }

  return {
    async store(object) {
      await send(object, object.byteLength);
      const pdu = await next();
      const pdv = pdu.type === 'P-DATA-TF' ? pdu.presentationDataValues[0] : undefined;
      if (pdv === undefined) throw new Error(`expected a response, got ${pdu.type}`);
      return readUint16(decodeCommandSet(pdv.fragment), COMMAND_ELEMENT.status) ?? -1;
    },
    stall: send,
    closed,
    async release() {
      socket.write(writePdu({ type: 'A-RELEASE-RQ' }));
      await next();
      socket.end();
      await closed;
    },
    destroy: () => void socket.destroy(),
  };
}
