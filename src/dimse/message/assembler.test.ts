import { describe, expect, test } from 'vitest';

import { uid } from '../../dicom/uid.ts';
import type { AcceptedPresentationContext } from '../negotiation.ts';
import { PduError } from '../pdu/types.ts';
import { createMessageAssembler } from './assembler.ts';
import {
  COMMAND_ELEMENT,
  CommandSetError,
  NO_DATA_SET,
  encodeCommandSet,
  uint16Element,
} from './command-set.ts';

const CONTEXTS = new Map<number, AcceptedPresentationContext>(
  [1, 3].map((id) => [
    id,
    { id, abstractSyntaxUid: uid('1.2.840.10008.5.1.4.1.1.2'), transferSyntaxUid: uid('1.2.840.10008.1.2') },
  ]),
);

function command(options: { readonly commandField?: number; readonly dataSetType?: number }): Buffer {
  const { commandField, dataSetType } = options;
  return encodeCommandSet([
    ...(commandField === undefined ? [] : [uint16Element(COMMAND_ELEMENT.commandField, commandField)]),
    uint16Element(COMMAND_ELEMENT.messageId, 1),
    ...(dataSetType === undefined ? [] : [uint16Element(COMMAND_ELEMENT.commandDataSetType, dataSetType)]),
  ]);
}
const STORE = command({ commandField: 0x0001, dataSetType: 1 });
const ECHO = command({ commandField: 0x0030, dataSetType: NO_DATA_SET });

function assemble(wait: { readonly write?: Promise<void>; readonly end?: Promise<void> } = {}) {
  const heard: string[] = [];
  const assembler = createMessageAssembler({
    contexts: CONTEXTS,
    maxCommandSetBytes: 256,
    sink: {
      begin: (received) =>
        heard.push(`begin 0x${received.commandField.toString(16)} on ${received.context.id}`),
      write(bytes) {
        heard.push(`write ${bytes.toString('hex')}`);
        return wait.write;
      },
      end() {
        heard.push('end');
        return wait.end;
      },
    },
  });
  /** For fragments that nothing has to wait for. */
  const feed = (contextId: number, isCommand: boolean, bytes: Buffer, isLast: boolean): void => {
    expect(assembler.fragment(contextId, isCommand, bytes, isLast)).toBeUndefined();
  };
  return { heard, assembler, feed };
}

test('a message with a Data Set passes through piece by piece, in order', () => {
  const { heard, assembler, feed } = assemble();
  feed(3, true, STORE.subarray(0, 5), false);
  feed(3, true, STORE.subarray(5, 9), false);
  feed(3, true, STORE.subarray(9), true);
  feed(3, false, Buffer.from('0102', 'hex'), false);
  expect(assembler.isInMessage()).toBe(true);
  feed(3, false, Buffer.from('03', 'hex'), true);
  expect(assembler.isInMessage()).toBe(false);
  expect(heard).toEqual(['begin 0x1 on 3', 'write 0102', 'write 03', 'end']);
});

test('a message without a Data Set ends with its command, and the next one may use another context', () => {
  const { heard, feed } = assemble();
  feed(1, true, ECHO, true);
  feed(3, true, ECHO, true);
  expect(heard).toEqual(['begin 0x30 on 1', 'end', 'begin 0x30 on 3', 'end']);
});

test('an empty last fragment ends a Data Set', () => {
  const { heard, feed } = assemble();
  feed(1, true, STORE, true);
  feed(1, false, Buffer.from('01', 'hex'), false);
  feed(1, false, Buffer.alloc(0), true);
  expect(heard).toEqual(['begin 0x1 on 1', 'write 01', 'end']);
});

test('what the sink wants waited for is passed on, and nothing else is', () => {
  const end = Promise.resolve();
  const { assembler, feed } = assemble({ end });
  feed(1, true, STORE, true);
  expect(assembler.fragment(1, false, Buffer.from('01', 'hex'), false)).toBeUndefined();
  expect(assembler.fragment(1, false, Buffer.from('02', 'hex'), true)).toBe(end);
});

describe('refused as PDU errors', () => {
  const expectError = (fragment: () => unknown, reason: string, message: string) => {
    expect(fragment).toThrow(PduError);
    expect(fragment).toThrow(expect.objectContaining({ reason }));
    expect(fragment).toThrow(message);
  };

  test('a Presentation Context that was not accepted', () => {
    const { assembler } = assemble();
    const fragment = () => assembler.fragment(5, true, ECHO, true);
    expectError(fragment, 'invalid-PDU-parameter-value', 'Presentation-context-ID 5, which was not accepted');
  });

  test('a change of Presentation Context inside a message', () => {
    const { assembler, feed } = assemble();
    feed(1, true, STORE, true);
    const fragment = () => assembler.fragment(3, false, Buffer.from('01', 'hex'), true);
    expectError(fragment, 'unexpected-PDU-parameter', 'ID 3 inside a message on 1');
  });

  test('a Data Set without a command', () => {
    const { assembler } = assemble();
    const fragment = () => assembler.fragment(1, false, Buffer.from('01', 'hex'), true);
    expectError(fragment, 'unexpected-PDU-parameter', 'Data Set fragment without a command');
  });

  test('a Data Set after a command that announced none', () => {
    const { assembler, feed } = assemble();
    feed(1, true, ECHO, true);
    const fragment = () => assembler.fragment(1, false, Buffer.from('01', 'hex'), true);
    expectError(fragment, 'unexpected-PDU-parameter', 'Data Set fragment without a command');
  });

  test('a command where the Data Set is due', () => {
    const { assembler, feed } = assemble();
    feed(1, true, STORE, true);
    const fragment = () => assembler.fragment(1, true, ECHO, true);
    expectError(fragment, 'unexpected-PDU-parameter', 'Command fragment where the Data Set is due');
  });
});

describe('refused as Command Set errors', () => {
  test.each([
    ['no Command Field', command({ dataSetType: NO_DATA_SET }), 'without Command Field'],
    ['no Command Data Set Type', command({ commandField: 0x30 }), 'without Command Data Set Type'],
    ['more bytes than a command can have', Buffer.alloc(257), 'longer than 256 bytes'],
  ])('%s', (_name, bytes, message) => {
    const { assembler } = assemble();
    const fragment = () => assembler.fragment(1, true, bytes, true);
    expect(fragment).toThrow(CommandSetError);
    expect(fragment).toThrow(message);
  });
});
