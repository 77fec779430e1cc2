import type { Logger } from '../core/ports/logger.ts';
import type { Invoker } from './invoker.ts';
import type { MessageSink, ReceivedCommand } from './message/assembler.ts';
import {
  COMMAND_ELEMENT,
  COMMAND_FIELD,
  CommandSetError,
  RESPONSE_BIT,
  commandName,
  readUint16,
} from './message/command-set.ts';
import { answerWith, encodeResponse } from './services/service.ts';
import type {
  DimseRequest,
  DimseResponse,
  DimseService,
  Operation,
  ServedAssociation,
} from './services/service.ts';

export interface DispatcherOptions {
  readonly services: readonly DimseService[];
  readonly association: ServedAssociation;
  /** Takes the responses to requests of ours. */
  readonly invoker: Pick<Invoker, 'takeResponse'>;
  /** How many operations may be waiting for their outcome before the next message is taken; at least 1. */
  readonly operationsWindow: number;
  readonly logger: Logger;
  /** Sends a response's Command Set on a Presentation Context. */
  readonly send: (presentationContextId: number, commandSet: Buffer) => void;
  /** A request was answered. @param dataSetBytes length of its Data Set. */
  readonly onAnswered: (request: DimseRequest, response: DimseResponse, dataSetBytes: number) => void;
}

/** Takes messages to the services and their responses back, in order; see {@link createDispatcher}. */
export interface Dispatcher extends MessageSink {
  /** Operations whose Data Set is complete and whose outcome is awaited. */
  outstanding(): number;
  /** Gives up the operation whose Data Set is incomplete. Outstanding ones run on to their end. */
  abandon(): void;
  /** Resolves once nothing is outstanding and what was abandoned is cleared away; never rejects. */
  settled(): Promise<void>;
}

/**
 * Serves the requests of one Association. Unless an Asynchronous Operations Window was negotiated, `end` returns a
 * promise until the response is sent, so that requests which wait on the socket are served strictly one by one.
 */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { services, association, invoker, operationsWindow, logger, send, onAnswered } = options;
  let current:
    { readonly request: DimseRequest; readonly operation: Operation; dataSetBytes: number } | undefined;
  /** What `settled` waits for. */
  const pending = new Set<Promise<void>>();
  let outstanding = 0;

  function answer(request: DimseRequest, response: DimseResponse, dataSetBytes: number): void {
    send(request.context.id, encodeResponse(request, response));
    onAnswered(request, response, dataSetBytes);
  }

  function failure(request: DimseRequest, error: unknown): DimseResponse {
    logger.error(
      { err: error, command: commandName(request.commandField), messageId: request.messageId },
      'DIMSE service failed',
    );
    return { status: 'processing-failure', errorComment: 'Internal error, please send again' };
  }

  function beginOperation(request: DimseRequest): Operation {
    const service = services.find(
      (candidate) =>
        candidate.commandField === request.commandField &&
        candidate.supportsAbstractSyntax(request.context.abstractSyntaxUid),
    );
    if (service === undefined) {
      return answerWith({
        status: 'unrecognized-operation',
        errorComment: `${commandName(request.commandField)} is not served on this context`,
      });
    }
    try {
      return service.begin(request, association);
    } catch (error) {
      return answerWith(failure(request, error));
    }
  }

  async function answerLater(request: DimseRequest, outcome: Promise<DimseResponse>, dataSetBytes: number) {
    let response: DimseResponse;
    try {
      response = await outcome;
    } catch (error) {
      response = failure(request, error);
    }
    outstanding -= 1;
    answer(request, response, dataSetBytes);
  }

  function track(work: Promise<void>): void {
    const tracked = work.finally(() => pending.delete(tracked));
    pending.add(tracked);
  }

  async function settled(): Promise<void> {
    while (pending.size > 0) await Promise.all(pending);
  }

  return {
    begin(received: ReceivedCommand) {
      const { command, commandField } = received;
      if (commandField === COMMAND_FIELD['C-CANCEL-RQ']) {
        // Has no response, and nothing of ours can be cancelled.
        current = undefined;
        return;
      }
      if ((commandField & RESPONSE_BIT) !== 0) {
        invoker.takeResponse(received);
        current = undefined;
        return;
      }
      const messageId = readUint16(command, COMMAND_ELEMENT.messageId);
      if (messageId === undefined) {
        throw new CommandSetError(`${commandName(commandField)} without Message ID (0000,0110)`);
      }
      const request: DimseRequest = { ...received, messageId };
      current = { request, operation: beginOperation(request), dataSetBytes: 0 };
    },

    write(bytes) {
      if (current === undefined) return undefined;
      current.dataSetBytes += bytes.length;
      return current.operation.write(bytes);
    },

    end() {
      if (current === undefined) return undefined;
      const { request, operation, dataSetBytes } = current;
      current = undefined;
      let outcome: DimseResponse | Promise<DimseResponse>;
      try {
        outcome = operation.finish();
      } catch (error) {
        outcome = failure(request, error);
      }
      if (!(outcome instanceof Promise)) {
        answer(request, outcome, dataSetBytes);
        return undefined;
      }
      outstanding += 1;
      track(answerLater(request, outcome, dataSetBytes));
      return outstanding < operationsWindow ? undefined : Promise.race(pending);
    },

    outstanding: () => outstanding,

    abandon() {
      const abandoned = current;
      current = undefined;
      if (abandoned === undefined) return;
      const aborted = abandoned.operation.abort().catch((error: unknown) => {
        logger.error(
          { err: error, command: commandName(abandoned.request.commandField) },
          'could not clear up an abandoned operation',
        );
      });
      track(aborted);
    },

    settled,
  };
}
