import type { AcceptedPresentationContext } from '../negotiation.ts';
import { PduError } from '../pdu/types.ts';
import {
  COMMAND_ELEMENT,
  CommandSetError,
  NO_DATA_SET,
  decodeCommandSet,
  readUint16,
} from './command-set.ts';
import type { CommandSet } from './command-set.ts';

/** A received message up to its Data Set. */
export interface ReceivedCommand {
  readonly context: AcceptedPresentationContext;
  readonly command: CommandSet;
  readonly commandField: number;
  readonly hasDataSet: boolean;
}

/**
 * Takes messages as they come in: `begin`, then `write` for each piece of the Data Set, then `end` (also where there is
 * no Data Set). A returned promise is to be waited for before the next piece is handed over.
 */
export interface MessageSink {
  /** @throws CommandSetError where the command cannot be answered. */
  begin(received: ReceivedCommand): void;
  write(bytes: Buffer): Promise<void> | undefined;
  end(): Promise<void> | undefined;
}

export interface MessageAssembler {
  /**
   * Takes a piece of a PDV's fragment.
   * @param isLast this piece ends the Command Set or Data Set.
   * @returns what the sink wants waited for.
   * @throws PduError for fragments out of order or on a Presentation Context that was not accepted.
   * @throws CommandSetError for a Command Set that cannot be read or answered.
   */
  fragment(
    presentationContextId: number,
    isCommand: boolean,
    bytes: Buffer,
    isLast: boolean,
  ): Promise<void> | undefined;
  /** A message has begun and its last fragment has not come. */
  isInMessage(): boolean;
}

export interface MessageAssemblerOptions {
  readonly contexts: ReadonlyMap<number, AcceptedPresentationContext>;
  readonly sink: MessageSink;
  /** Longest Command Set in bytes; default {@link DEFAULT_MAX_COMMAND_SET_BYTES}. */
  readonly maxCommandSetBytes?: number;
}

/** The largest command of the standard takes a few hundred bytes; lists of attributes (N-GET) can add thousands. */
export const DEFAULT_MAX_COMMAND_SET_BYTES = 64 * 1024;

/** Puts PDV fragments together to messages (PS3.7 6.3.1, PS3.8 Annex E). The Data Set passes through undecoded. */
export function createMessageAssembler({
  contexts,
  sink,
  maxCommandSetBytes = DEFAULT_MAX_COMMAND_SET_BYTES,
}: MessageAssemblerOptions): MessageAssembler {
  /** Of the message at hand; undefined between messages. */
  let context: AcceptedPresentationContext | undefined;
  let isDataSetDue = false;
  /** Pieces of a Command Set that did not come in one. */
  let gathered: Buffer | undefined;

  function checkOrder(presentationContextId: number, isCommand: boolean): void {
    if (context === undefined) {
      context = contexts.get(presentationContextId);
      if (context === undefined) {
        throw new PduError(
          'invalid-PDU-parameter-value',
          `PDV on Presentation-context-ID ${presentationContextId}, which was not accepted`,
        );
      }
    } else if (context.id !== presentationContextId) {
      throw new PduError(
        'unexpected-PDU-parameter',
        `PDV on Presentation-context-ID ${presentationContextId} inside a message on ${context.id}`,
      );
    }
    if (isCommand === isDataSetDue) {
      throw new PduError(
        'unexpected-PDU-parameter',
        isCommand ? 'Command fragment where the Data Set is due' : 'Data Set fragment without a command',
      );
    }
  }

  function gather(bytes: Buffer): Buffer {
    const length = (gathered?.length ?? 0) + bytes.length;
    if (length > maxCommandSetBytes) {
      throw new CommandSetError(`Command Set is longer than ${maxCommandSetBytes} bytes`);
    }
    // A copy in either case: the command outlives the chunk that it came in, and is small.
    return gathered === undefined ? Buffer.from(bytes) : Buffer.concat([gathered, bytes]);
  }

  function commandFragment(at: AcceptedPresentationContext, bytes: Buffer, isLast: boolean) {
    const whole = gather(bytes);
    if (!isLast) {
      gathered = whole;
      return undefined;
    }
    gathered = undefined;
    const command = decodeCommandSet(whole);
    const commandField = readUint16(command, COMMAND_ELEMENT.commandField);
    if (commandField === undefined)
      throw new CommandSetError('Command Set without Command Field (0000,0100)');
    const dataSetType = readUint16(command, COMMAND_ELEMENT.commandDataSetType);
    if (dataSetType === undefined) {
      throw new CommandSetError('Command Set without Command Data Set Type (0000,0800)');
    }
    const hasDataSet = dataSetType !== NO_DATA_SET;
    isDataSetDue = hasDataSet;
    if (!hasDataSet) context = undefined;
    sink.begin({ context: at, command, commandField, hasDataSet });
    return hasDataSet ? undefined : sink.end();
  }

  return {
    fragment(presentationContextId, isCommand, bytes, isLast) {
      if (context?.id !== presentationContextId || isCommand === isDataSetDue) {
        checkOrder(presentationContextId, isCommand);
      }
      if (context !== undefined && isCommand) return commandFragment(context, bytes, isLast);
      const wait = bytes.length > 0 ? sink.write(bytes) : undefined;
      if (!isLast) return wait;
      context = undefined;
      isDataSetDue = false;
      const end = sink.end();
      if (wait === undefined) return end;
      return end === undefined ? wait : wait.then(() => end);
    },
    isInMessage: () => context !== undefined,
  };
}
