import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

import {
  COMMAND_ELEMENT,
  COMMAND_FIELD,
  decodeCommandSet,
  readUint16,
  RESPONSE_BIT,
} from '../../../src/dimse/message/command-set.ts';
import { readPdu } from '../../../src/dimse/pdu/reader.ts';
import type { Pdu } from '../../../src/dimse/pdu/types.ts';
import { writePdu } from '../../../src/dimse/pdu/writer.ts';
import type { Ending } from './mutations.ts';

/** No case takes longer, whatever the timers of the acceptor are: it hangs. */
const HANG_MS = 20_000;

export interface Delivery {
  readonly port: number;
  readonly pieces: readonly Buffer[];
  readonly ending: Ending;
}

/** What came back until the connection was over. */
export interface Answer {
  readonly bytes: Buffer;
  /** The connection ended in a reset, which may have swallowed the end of the answer. */
  readonly wasReset: boolean;
}

/** Sends bytes over a connection of their own. @throws Error where the acceptor does not end it. */
export async function deliver({ port, pieces, ending }: Delivery): Promise<Answer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const chunks: Buffer[] = [];
  const state = { wasReset: ending === 'reset' };
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => (state.wasReset = true));
  const closed = new Promise<void>((resolve, reject) => {
    const guard = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection was still open after ${HANG_MS} ms (${ending})`));
    }, HANG_MS);
    socket.on('close', () => {
      clearTimeout(guard);
      resolve();
    });
  });
  for (const piece of pieces) {
    if (socket.destroyed) break;
    if (piece.length > 0) socket.write(piece);
    // So that the pieces arrive apart.
    await nextTurn();
  }
  if (ending === 'half-close') socket.end();
  else if (ending === 'reset') socket.write(Buffer.alloc(0), () => socket.resetAndDestroy());
  await closed;
  return { bytes: Buffer.concat(chunks), wasReset: state.wasReset };
}

export interface ReadAnswer {
  readonly pdus: readonly Pdu[];
  /** What kind of answer it is, for a tally: names and counts of its PDUs. */
  readonly kind: string;
  /** C-STORE-RSP with Success. */
  readonly stored: number;
}

/**
 * Reads what the acceptor said, and checks that it is what an acceptor may say: whole PDUs, in an order that PS3.8 9.2
 * allows, which encode to the same bytes again.
 * @throws Error
 */
export function readAnswer({ bytes, wasReset }: Answer): ReadAnswer {
  const pdus: Pdu[] = [];
  for (let at = 0; at < bytes.length;) {
    const result = readPdu(bytes.subarray(at), { maxAssociatePduBytes: 1_048_576, maxPDataTfBytes: 0 });
    if (result.kind === 'need-more' && wasReset) break;
    if (result.kind !== 'pdu')
      throw new Error(`the answer is no PDU at byte ${at}: ${bytes.toString('hex')}`);
    const whole = bytes.subarray(at, at + result.consumedBytes);
    if (!writePdu(result.pdu).equals(whole)) {
      throw new Error(`${result.pdu.type} does not encode to what it was: ${whole.toString('hex')}`);
    }
    pdus.push(result.pdu);
    at += result.consumedBytes;
  }
  const order = pdus.map(({ type }) => type).join(' ');
  const isLawful = /^(?:A-ASSOCIATE-AC(?: P-DATA-TF)*(?: A-RELEASE-RP)?|A-ASSOCIATE-RJ)?(?: ?A-ABORT)*$/.test(
    order,
  );
  if (!isLawful) throw new Error(`PDUs out of order: ${order}`);
  const kind = [...new Set(pdus.map(({ type }) => type))].join('+') || 'nothing';
  return { pdus, kind, stored: countStored(pdus) };
}

function countStored(pdus: readonly Pdu[]): number {
  let stored = 0;
  let command: Buffer[] = [];
  for (const pdu of pdus) {
    if (pdu.type !== 'P-DATA-TF') continue;
    for (const { isCommand, isLastFragment, fragment } of pdu.presentationDataValues) {
      if (!isCommand) throw new Error('a Data Set came where only responses without one are due');
      command.push(fragment);
      if (!isLastFragment) continue;
      const response = decodeCommandSet(Buffer.concat(command));
      command = [];
      const field = readUint16(response, COMMAND_ELEMENT.commandField);
      const status = readUint16(response, COMMAND_ELEMENT.status);
      if (field === undefined || status === undefined || (field & RESPONSE_BIT) === 0) {
        throw new Error('a response without Command Field or Status');
      }
      if (field === (COMMAND_FIELD['C-STORE-RQ'] | RESPONSE_BIT) && status === 0) stored += 1;
    }
  }
  return stored;
}
