import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';

/** Element numbers of group 0000 that this daemon reads or writes (PS3.7 Annex E). */
export const COMMAND_ELEMENT = {
  commandGroupLength: 0x0000,
  affectedSopClassUid: 0x0002,
  requestedSopClassUid: 0x0003,
  commandField: 0x0100,
  messageId: 0x0110,
  messageIdBeingRespondedTo: 0x0120,
  commandDataSetType: 0x0800,
  status: 0x0900,
  errorComment: 0x0902,
  affectedSopInstanceUid: 0x1000,
  requestedSopInstanceUid: 0x1001,
  eventTypeId: 0x1002,
  actionTypeId: 0x1008,
} as const;

/** Values of (0000,0100) Command Field, PS3.7 E.1. A response is its request with {@link RESPONSE_BIT} set. */
export const COMMAND_FIELD = {
  'C-STORE-RQ': 0x0001,
  'C-GET-RQ': 0x0010,
  'C-FIND-RQ': 0x0020,
  'C-MOVE-RQ': 0x0021,
  'C-ECHO-RQ': 0x0030,
  'N-EVENT-REPORT-RQ': 0x0100,
  'N-GET-RQ': 0x0110,
  'N-SET-RQ': 0x0120,
  'N-ACTION-RQ': 0x0130,
  'N-CREATE-RQ': 0x0140,
  'N-DELETE-RQ': 0x0150,
  'C-CANCEL-RQ': 0x0fff,
} as const;
export const RESPONSE_BIT = 0x8000;

/** (0000,0800) of a message without a Data Set; any other value announces one. */
export const NO_DATA_SET = 0x0101;
/** (0000,0800) as we send it where a Data Set follows. */
export const DATA_SET_PRESENT = 0x0001;

/** Longest Error Comment in characters (VR LO). */
export const MAX_ERROR_COMMENT_LENGTH = 64;

const COMMAND_NAMES = new Map<number, string>(
  Object.entries(COMMAND_FIELD).map(([name, number]) => [number, name]),
);

/** Name of a request or response for logs, or its number where the standard has none. */
export function commandName(commandField: number): string {
  const request = COMMAND_NAMES.get(commandField & ~RESPONSE_BIT);
  if (request === undefined) return `Command Field 0x${commandField.toString(16).padStart(4, '0')}`;
  return (commandField & RESPONSE_BIT) === 0 ? request : request.replace(/RQ$/, 'RSP');
}

/** A Command Set as received: element number to value field, unknown elements included. */
export type CommandSet = ReadonlyMap<number, Buffer>;

/** One element to send. Values must have even length. */
export interface CommandElement {
  readonly element: number;
  readonly value: Buffer;
}

/** A Command Set that cannot be read. The message holds tags and lengths only. */
export class CommandSetError extends Error {
  override readonly name = 'CommandSetError';
}

const ELEMENT_HEADER_BYTES = 8;

/**
 * Reads a Command Set: Implicit VR Little Endian, group 0000 only (PS3.7 6.3.1). (0000,0000) is not relied upon, since
 * the fragments already say where the set ends. Of an element that stands twice, the last counts.
 * @param bytes is referred to, not copied.
 * @throws CommandSetError for other groups and for elements that run past the end.
 */
export function decodeCommandSet(bytes: Buffer): CommandSet {
  const elements = new Map<number, Buffer>();
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < ELEMENT_HEADER_BYTES) {
      throw new CommandSetError(`${bytes.length - at} bytes are left at the end of the Command Set`);
    }
    const group = bytes.readUInt16LE(at);
    const element = bytes.readUInt16LE(at + 2);
    const length = bytes.readUInt32LE(at + 4);
    at += ELEMENT_HEADER_BYTES;
    if (group !== 0)
      throw new CommandSetError(`Command Set holds group 0x${group.toString(16).padStart(4, '0')}`);
    if (length > bytes.length - at) {
      throw new CommandSetError(
        `(0000,${element.toString(16).padStart(4, '0')}) of ${length} bytes runs past the end of the Command Set`,
      );
    }
    elements.set(element, bytes.subarray(at, at + length));
    at += length;
  }
  return elements;
}

/** Value of a US element, or undefined where it is absent or not two bytes. */
export function readUint16(command: CommandSet, element: number): number | undefined {
  const value = command.get(element);
  return value?.length === 2 ? value.readUInt16LE(0) : undefined;
}

/** Value of a UI element, or undefined where it is absent or no valid UID. */
export function readUid(command: CommandSet, element: number): Uid | undefined {
  const value = command.get(element);
  return value === undefined ? undefined : parseUid(value.toString('latin1'));
}

export function uint16Element(element: number, value: number): CommandElement {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16LE(value);
  return { element, value: bytes };
}

/** @param uid padded with NUL to even length, as VR UI is. */
export function uidElement(element: number, uid: string): CommandElement {
  return { element, value: Buffer.from(uid.length % 2 === 0 ? uid : `${uid}\0`, 'latin1') };
}

/** @param text cut to 64 characters; anything outside of the default repertoire becomes `?`. */
export function textElement(element: number, text: string): CommandElement {
  const plain = text.slice(0, MAX_ERROR_COMMENT_LENGTH).replace(/[^\x20-\x5b\x5d-\x7e]/g, '?');
  return { element, value: Buffer.from(plain.length % 2 === 0 ? plain : `${plain} `, 'latin1') };
}

/**
 * Encodes a Command Set in one buffer, (0000,0000) in front.
 * @param elements in ascending order, without (0000,0000).
 */
export function encodeCommandSet(elements: readonly CommandElement[]): Buffer {
  let length = 0;
  for (const { value } of elements) length += ELEMENT_HEADER_BYTES + value.length;
  const out = Buffer.allocUnsafe(ELEMENT_HEADER_BYTES + 4 + length);
  out.writeUInt32LE(0, 0);
  out.writeUInt32LE(4, 4);
  out.writeUInt32LE(length, 8);
  let at = ELEMENT_HEADER_BYTES + 4;
  for (const { element, value } of elements) {
    out.writeUInt16LE(0, at);
    out.writeUInt16LE(element, at + 2);
    out.writeUInt32LE(value.length, at + 4);
    value.copy(out, at + ELEMENT_HEADER_BYTES);
    at += ELEMENT_HEADER_BYTES + value.length;
  }
  return out;
}
