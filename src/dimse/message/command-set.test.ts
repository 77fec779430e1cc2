import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { bytesOf } from '../../../test/support/captioned-bytes.ts';
import {
  COMMAND_ELEMENT,
  CommandSetError,
  commandName,
  decodeCommandSet,
  encodeCommandSet,
  readUid,
  readUint16,
  textElement,
  uidElement,
  uint16Element,
} from './command-set.ts';

const ECHO_RSP = bytesOf([
  ['00 00 00 00 04 00 00 00 42 00 00 00', '(0000,0000) Command Group Length 66'],
  ['00 00 02 00 12 00 00 00', '(0000,0002) Affected SOP Class UID, 18 bytes'],
  ['"1.2.840.10008.1.1"', 'Verification'],
  ['00', 'padding'],
  ['00 00 00 01 02 00 00 00 30 80', '(0000,0100) Command Field C-ECHO-RSP'],
  ['00 00 20 01 02 00 00 00 07 00', '(0000,0120) Message ID Being Responded To 7'],
  ['00 00 00 08 02 00 00 00 01 01', '(0000,0800) no Data Set'],
  ['00 00 00 09 02 00 00 00 00 00', '(0000,0900) Status Success'],
]);

describe('golden bytes: C-ECHO-RSP', () => {
  test('encode', () => {
    const encoded = encodeCommandSet([
      uidElement(COMMAND_ELEMENT.affectedSopClassUid, '1.2.840.10008.1.1'),
      uint16Element(COMMAND_ELEMENT.commandField, 0x8030),
      uint16Element(COMMAND_ELEMENT.messageIdBeingRespondedTo, 7),
      uint16Element(COMMAND_ELEMENT.commandDataSetType, 0x0101),
      uint16Element(COMMAND_ELEMENT.status, 0),
    ]);
    expect(encoded.toString('hex')).toBe(ECHO_RSP.toString('hex'));
  });

  test('decode', () => {
    const command = decodeCommandSet(ECHO_RSP);
    expect(readUid(command, COMMAND_ELEMENT.affectedSopClassUid)).toBe('1.2.840.10008.1.1');
    expect(readUint16(command, COMMAND_ELEMENT.commandField)).toBe(0x8030);
    expect(readUint16(command, COMMAND_ELEMENT.messageId)).toBeUndefined();
  });
});

test('unknown elements are kept, and a wrong group length does no harm', () => {
  const command = decodeCommandSet(
    Buffer.from('0000000004000000ffffffff' + '0000010004000000deadbeef', 'hex'),
  );
  expect(command.get(0x0001)?.toString('hex')).toBe('deadbeef');
});

test.each([
  ['an element that runs past the end', '00000001ffffffff0100', '(0000,0100) of 4294967295 bytes'],
  ['a header cut short', '000000010200', '6 bytes are left'],
  ['an element of another group', '0800180002000000312e', 'group 0x0008'],
])('%s is refused', (_name, hex, message) => {
  expect(() => decodeCommandSet(Buffer.from(hex, 'hex'))).toThrow(CommandSetError);
  expect(() => decodeCommandSet(Buffer.from(hex, 'hex'))).toThrow(message);
});

test('arbitrary bytes are read or refused, never worse', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeCommandSet(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(CommandSetError);
      }
    }),
  );
});

test('values of the wrong length or form read as absent', () => {
  const command = decodeCommandSet(
    Buffer.from('0000000104000000010000000000001004000000' + '2e2e2f2f', 'hex'),
  );
  expect(readUint16(command, COMMAND_ELEMENT.commandField)).toBeUndefined();
  expect(readUid(command, COMMAND_ELEMENT.affectedSopInstanceUid)).toBeUndefined();
});

test('Error Comment is cut to what the element holds and to plain characters', () => {
  expect(textElement(COMMAND_ELEMENT.errorComment, 'ä\\b').value.toString('latin1')).toBe('??b ');
  expect(textElement(COMMAND_ELEMENT.errorComment, 'x'.repeat(100)).value).toHaveLength(64);
});

test.each([
  [0x0001, 'C-STORE-RQ'],
  [0x8001, 'C-STORE-RSP'],
  [0x0fff, 'C-CANCEL-RQ'],
  [0x1234, 'Command Field 0x1234'],
])('Command Field %i is called %s', (commandField, name) => {
  expect(commandName(commandField)).toBe(name);
});
