import type { Clock } from '../core/ports/clock.ts';
import type { ReceivedCommand } from './message/assembler.ts';
import {
  COMMAND_ELEMENT,
  CommandSetError,
  DATA_SET_PRESENT,
  NO_DATA_SET,
  RESPONSE_BIT,
  commandName,
  encodeCommandSet,
  readUint16,
  uint16Element,
} from './message/command-set.ts';
import type { CommandElement, CommandSet } from './message/command-set.ts';

/** A request of ours, without what the invoker adds: Message ID and Command Data Set Type. */
export interface OutgoingRequest {
  readonly presentationContextId: number;
  /** One of `COMMAND_FIELD`. */
  readonly commandField: number;
  /** The request's own elements, in any order. */
  readonly elements: readonly CommandElement[];
  readonly dataSet?: Buffer;
}

/** The Association ended, or the peer did not answer in time. */
export class InvocationError extends Error {
  override readonly name = 'InvocationError';
}

/** Requests of ours on one Association and what the peer answers; see {@link createInvoker}. */
export interface Invoker {
  /**
   * Sends a request. @returns the Command Set of its response.
   * @throws InvocationError
   */
  invoke(request: OutgoingRequest): Promise<CommandSet>;
  /** Takes a response that came in. @throws CommandSetError for one that answers no request of ours. */
  takeResponse(received: ReceivedCommand): void;
  /** The Association is over: whoever waits learns that, and nothing more is sent. */
  close(reason: string): void;
}

export interface InvokerOptions {
  readonly clock: Clock;
  /** Longest wait for a response, milliseconds. */
  readonly responseTimeoutMs: number;
  /** Sends a message whole. */
  readonly send: (presentationContextId: number, commandSet: Buffer, dataSet: Buffer | undefined) => void;
}

interface Waiting {
  readonly commandField: number;
  resolve(response: CommandSet): void;
  reject(error: InvocationError): void;
}

/** Numbers our requests on an Association and matches the responses (PS3.7 9.3 and 10.3). */
export function createInvoker({ clock, responseTimeoutMs, send }: InvokerOptions): Invoker {
  const waiting = new Map<number, Waiting>();
  let lastMessageId = 0;
  let closedBecause: string | undefined;

  /** 1 to 65,535, and never one whose answer is awaited. */
  function nextMessageId(): number {
    do lastMessageId = (lastMessageId % 0xffff) + 1;
    while (waiting.has(lastMessageId));
    return lastMessageId;
  }

  function invoke(request: OutgoingRequest): Promise<CommandSet> {
    const { presentationContextId, commandField, dataSet } = request;
    return new Promise((resolve, reject) => {
      if (closedBecause !== undefined) {
        reject(new InvocationError(closedBecause));
        return;
      }
      const messageId = nextMessageId();
      const cancelTimeout = clock.after(responseTimeoutMs, () => {
        // The entry stays: an answer that comes late after all must not count as one that nobody asked for.
        reject(
          new InvocationError(`no answer to ${commandName(commandField)} within ${responseTimeoutMs} ms`),
        );
      });
      waiting.set(messageId, {
        commandField,
        resolve(response) {
          cancelTimeout();
          resolve(response);
        },
        reject(error) {
          cancelTimeout();
          reject(error);
        },
      });
      const elements = [
        ...request.elements,
        uint16Element(COMMAND_ELEMENT.commandField, commandField),
        uint16Element(COMMAND_ELEMENT.messageId, messageId),
        uint16Element(
          COMMAND_ELEMENT.commandDataSetType,
          dataSet === undefined ? NO_DATA_SET : DATA_SET_PRESENT,
        ),
      ].sort((a, b) => a.element - b.element);
      send(presentationContextId, encodeCommandSet(elements), dataSet);
    });
  }

  return {
    invoke,
    takeResponse({ command, commandField }) {
      const messageId = readUint16(command, COMMAND_ELEMENT.messageIdBeingRespondedTo);
      const entry = messageId === undefined ? undefined : waiting.get(messageId);
      if (
        messageId === undefined ||
        entry === undefined ||
        (entry.commandField | RESPONSE_BIT) !== commandField
      ) {
        throw new CommandSetError(`${commandName(commandField)} without a request of ours`);
      }
      waiting.delete(messageId);
      entry.resolve(command);
    },
    close(reason) {
      closedBecause ??= reason;
      for (const entry of waiting.values()) entry.reject(new InvocationError(closedBecause));
      waiting.clear();
    },
  };
}
