import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

import {
  COMMAND_ELEMENT,
  COMMAND_FIELD,
  NO_DATA_SET,
  decodeCommandSet,
  encodeCommandSet,
  readUint16,
  uidElement,
  uint16Element,
} from '../../src/dimse/message/command-set.ts';
import type { CommandElement, CommandSet } from '../../src/dimse/message/command-set.ts';
import { readPdu } from '../../src/dimse/pdu/reader.ts';
import type { AAssociateAc, AAssociateRq, Pdu, UserInformation } from '../../src/dimse/pdu/types.ts';
import { writeMessagePdus, writePdu } from '../../src/dimse/pdu/writer.ts';

export const CT_IMAGE_STORAGE = '1.2.840.10008.5.1.4.1.1.2';
export const VERIFICATION = '1.2.840.10008.1.1';
export const EXPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';
export const IMPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2';

const LIMITS = { maxAssociatePduBytes: 1024 * 1024, maxPDataTfBytes: 0 };

/** An A-ASSOCIATE-RQ for CT on 1 and Verification on 3, unless changed. */
export function associateRq(
  changes: Partial<Omit<AAssociateRq, 'type' | 'userInformation'>> & {
    readonly userInformation?: Partial<UserInformation>;
  } = {},
): AAssociateRq {
  return {
    type: 'A-ASSOCIATE-RQ',
    protocolVersion: 1,
    calledAeTitleField: 'CITYMED'.padEnd(16),
    callingAeTitleField: 'CT1'.padEnd(16),
    reserved: Buffer.alloc(32),
    applicationContextName: '1.2.840.10008.3.1.1.1',
    presentationContexts: [
      { id: 1, abstractSyntaxUid: CT_IMAGE_STORAGE, transferSyntaxUids: [EXPLICIT_VR_LITTLE_ENDIAN] },
      { id: 3, abstractSyntaxUid: VERIFICATION, transferSyntaxUids: [IMPLICIT_VR_LITTLE_ENDIAN] },
    ],
    ...changes,
    userInformation: {
      maximumLengthReceived: 16_384,
      implementationClassUid: '1.2.3',
      roleSelections: [],
      extendedNegotiations: [],
      commonExtendedNegotiations: [],
      ...changes.userInformation,
    },
  };
}

/** The PDUs of a C-ECHO-RQ. */
export function echoRq(messageId = 1, contextId = 3): Buffer {
  return commandPdus(contextId, [
    uidElement(COMMAND_ELEMENT.affectedSopClassUid, VERIFICATION),
    uint16Element(COMMAND_ELEMENT.commandField, COMMAND_FIELD['C-ECHO-RQ']),
    uint16Element(COMMAND_ELEMENT.messageId, messageId),
    uint16Element(COMMAND_ELEMENT.commandDataSetType, NO_DATA_SET),
  ]);
}

export interface StoreOptions {
  readonly messageId?: number;
  readonly contextId?: number;
  readonly sopClassUid?: string | undefined;
  readonly sopInstanceUid?: string | undefined;
  readonly hasDataSet?: boolean;
}

/** The PDUs of a C-STORE-RQ's command, without its Data Set. */
export function storeRq(options: StoreOptions = {}): Buffer {
  const { messageId = 1, contextId = 1, hasDataSet = true } = options;
  const sopClassUid = 'sopClassUid' in options ? options.sopClassUid : CT_IMAGE_STORAGE;
  const sopInstanceUid = 'sopInstanceUid' in options ? options.sopInstanceUid : `1.2.826.${messageId}`;
  return commandPdus(contextId, [
    ...(sopClassUid === undefined ? [] : [uidElement(COMMAND_ELEMENT.affectedSopClassUid, sopClassUid)]),
    uint16Element(COMMAND_ELEMENT.commandField, COMMAND_FIELD['C-STORE-RQ']),
    uint16Element(COMMAND_ELEMENT.messageId, messageId),
    uint16Element(0x0700, 0),
    uint16Element(COMMAND_ELEMENT.commandDataSetType, hasDataSet ? 1 : NO_DATA_SET),
    ...(sopInstanceUid === undefined
      ? []
      : [uidElement(COMMAND_ELEMENT.affectedSopInstanceUid, sopInstanceUid)]),
  ]);
}

export function commandPdus(contextId: number, elements: readonly CommandElement[]): Buffer {
  return writeMessagePdus(contextId, true, encodeCommandSet(elements), 0);
}

/** The PDUs of a Data Set, in P-DATA-TF of at most `maxPduLengthBytes`. */
export function dataSetPdus(dataSet: Buffer, contextId = 1, maxPduLengthBytes = 16_384): Buffer {
  return writeMessagePdus(contextId, false, dataSet, maxPduLengthBytes);
}

/** A DIMSE response as the peer got it. */
export interface ReceivedResponse {
  readonly contextId: number;
  readonly commandField: number | undefined;
  readonly messageId: number | undefined;
  readonly status: number | undefined;
  readonly errorComment: string | undefined;
  readonly command: CommandSet;
}

/** A requestor that does exactly what it is told, right or wrong; see {@link connectScriptedPeer}. */
export interface ScriptedPeer {
  /** Sends bytes as they are. */
  send(...bytes: readonly Buffer[]): void;
  /** Resolves when the system has taken all that was sent, which is how far the acceptor lets us. */
  drained(): Promise<void>;
  /** The next PDU. @throws where the connection closes first. */
  next(): Promise<Pdu>;
  /** Sends the request and expects its acceptance. */
  associate(request?: AAssociateRq): Promise<AAssociateAc>;
  /** The next DIMSE response. @throws for any other PDU. */
  response(): Promise<ReceivedResponse>;
  /** Resolves when the acceptor has closed its side, with the PDUs that came before and were not asked for. */
  closed(): Promise<readonly Pdu[]>;
  /** Sends A-RELEASE-RQ, expects A-RELEASE-RP, closes. */
  release(): Promise<void>;
  /** Closes our side only: what was sent is still to be served. */
  end(): void;
  /** Goes away without a word. */
  destroy(): void;
  /** Stops reading, as a peer does whose buffers are full. */
  stopReading(): void;
}

/** Connects over TCP, or over TLS where its options are given. The peer never answers by itself. */
export async function connectScriptedPeer(port: number, tls?: ConnectionOptions): Promise<ScriptedPeer> {
  const host = '127.0.0.1';
  const socket =
    tls === undefined
      ? connect({ port, host, noDelay: true, allowHalfOpen: true })
      : connectTls({ port, host, ...tls });
  await once(socket, tls === undefined ? 'connect' : 'secureConnect');
  let buffered = Buffer.alloc(0);
  let hasEnded = false;
  const pdus: Pdu[] = [];
  let wake: (() => void) | undefined;

  function notify(): void {
    wake?.();
    wake = undefined;
  }
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      const result = readPdu(buffered, LIMITS);
      if (result.kind === 'need-more') break;
      if (result.kind === 'invalid') throw result.error;
      pdus.push(result.pdu);
      buffered = buffered.subarray(result.consumedBytes);
    }
    notify();
  });
  const onEnd = (): void => {
    hasEnded = true;
    socket.end();
    notify();
  };
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  // A reset is one of the ways in which a connection may close; what came before it has been kept.
  socket.on('error', onEnd);

  async function next(): Promise<Pdu> {
    for (;;) {
      const pdu = pdus.shift();
      if (pdu !== undefined) return pdu;
      if (hasEnded) throw new Error('the acceptor closed the connection');
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  async function associate(request = associateRq()): Promise<AAssociateAc> {
    socket.write(writePdu(request));
    const pdu = await next();
    if (pdu.type !== 'A-ASSOCIATE-AC') throw new Error(`expected A-ASSOCIATE-AC, got ${JSON.stringify(pdu)}`);
    return pdu;
  }

  async function response(): Promise<ReceivedResponse> {
    const fragments: Buffer[] = [];
    for (;;) {
      const pdu = await next();
      if (pdu.type !== 'P-DATA-TF') throw new Error(`expected P-DATA-TF, got ${JSON.stringify(pdu)}`);
      for (const pdv of pdu.presentationDataValues) {
        fragments.push(pdv.fragment);
        if (!pdv.isLastFragment) continue;
        const command = decodeCommandSet(Buffer.concat(fragments));
        return {
          contextId: pdv.presentationContextId,
          commandField: readUint16(command, COMMAND_ELEMENT.commandField),
          messageId: readUint16(command, COMMAND_ELEMENT.messageIdBeingRespondedTo),
          status: readUint16(command, COMMAND_ELEMENT.status),
          errorComment: command.get(COMMAND_ELEMENT.errorComment)?.toString('latin1').trimEnd(),
          command,
        };
      }
    }
  }

  async function closed(): Promise<readonly Pdu[]> {
    while (!hasEnded) await new Promise<void>((resolve) => (wake = resolve));
    return pdus.splice(0);
  }

  return {
    send: (...bytes) => void socket.write(Buffer.concat(bytes)),
    async drained() {
      if (socket.writableNeedDrain) await once(socket, 'drain');
    },
    next,
    associate,
    response,
    closed,
    async release() {
      socket.write(writePdu({ type: 'A-RELEASE-RQ' }));
      const pdu = await next();
      if (pdu.type !== 'A-RELEASE-RP') throw new Error(`expected A-RELEASE-RP, got ${JSON.stringify(pdu)}`);
      socket.end();
      await closed();
    },
    end: () => void socket.end(),
    destroy: () => void socket.resetAndDestroy(),
    stopReading: () => void socket.pause(),
  };
}
