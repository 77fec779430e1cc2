import type { InstanceOrigin } from '../../core/study/instance.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { Invoker } from '../invoker.ts';
import type { ReceivedCommand } from '../message/assembler.ts';
import {
  COMMAND_ELEMENT,
  NO_DATA_SET,
  RESPONSE_BIT,
  encodeCommandSet,
  readUid,
  textElement,
  uidElement,
  uint16Element,
} from '../message/command-set.ts';
import type { CommandElement } from '../message/command-set.ts';
import { STATUS } from './status.ts';
import type { StatusName } from './status.ts';

/** A request that came in, with what every answer needs. */
export interface DimseRequest extends ReceivedCommand {
  readonly messageId: number;
}

/** The answer to one request. */
export interface DimseResponse {
  readonly status: StatusName;
  /** (0000,0902): one line without patient data; cut to 64 characters. */
  readonly errorComment?: string;
  /** Further elements that the service's response has, for example Action Type ID. */
  readonly elements?: readonly CommandElement[];
}

/** One request being served. Exactly one of `finish` and `abort` ends it. */
export interface Operation {
  /**
   * The next bytes of the request's Data Set; their memory is used again when the call has returned.
   * @returns a promise to wait for before the next call (back-pressure), which never rejects.
   */
  write(bytes: Buffer): Promise<void> | undefined;
  /** The request is complete. A rejection or exception is answered as processing failure. */
  finish(): DimseResponse | Promise<DimseResponse>;
  /** The Association ended before the request was complete. */
  abort(): Promise<void>;
}

/** What a service may know of the Association that a request came on. */
export interface AssociationContext {
  readonly origin: InstanceOrigin;
}

/** The Association that a request came on, for a service that has something to say later. */
export interface ServedAssociation extends AssociationContext {
  /** Established, between messages, nothing left to answer: a request of ours comes in between nothing. */
  isIdle(): boolean;
  /** Sends a request of ours on it. @throws InvocationError */
  readonly invoke: Invoker['invoke'];
  /** Resolves when nothing can be sent on it any more; never rejects. */
  readonly over: Promise<void>;
}

/** A Service Class as SCP: one kind of request on the Abstract Syntaxes that it supports. */
export interface DimseService {
  /** One of `COMMAND_FIELD`. */
  readonly commandField: number;
  /** Also decides which Presentation Contexts are accepted. @param abstractSyntaxUid valid, unpadded. */
  supportsAbstractSyntax(abstractSyntaxUid: Uid): boolean;
  begin(request: DimseRequest, association: ServedAssociation): Operation;
}

/** An operation that takes the Data Set in without keeping it and gives an answer known beforehand. */
export function answerWith(response: DimseResponse): Operation {
  return {
    write: () => undefined,
    finish: () => response,
    abort: () => Promise.resolve(),
  };
}

/** The Command Set that answers a request: its UIDs and Message ID go back as they came (PS3.7 9.3 and 10.3). */
export function encodeResponse(request: DimseRequest, response: DimseResponse): Buffer {
  const { command } = request;
  const sopClassUid =
    readUid(command, COMMAND_ELEMENT.affectedSopClassUid) ??
    readUid(command, COMMAND_ELEMENT.requestedSopClassUid);
  const sopInstanceUid =
    readUid(command, COMMAND_ELEMENT.affectedSopInstanceUid) ??
    readUid(command, COMMAND_ELEMENT.requestedSopInstanceUid);
  const elements: CommandElement[] = [];
  if (sopClassUid !== undefined) elements.push(uidElement(COMMAND_ELEMENT.affectedSopClassUid, sopClassUid));
  elements.push(
    uint16Element(COMMAND_ELEMENT.commandField, request.commandField | RESPONSE_BIT),
    uint16Element(COMMAND_ELEMENT.messageIdBeingRespondedTo, request.messageId),
    uint16Element(COMMAND_ELEMENT.commandDataSetType, NO_DATA_SET),
    uint16Element(COMMAND_ELEMENT.status, STATUS[response.status]),
  );
  if (response.errorComment !== undefined) {
    elements.push(textElement(COMMAND_ELEMENT.errorComment, response.errorComment));
  }
  if (sopInstanceUid !== undefined) {
    elements.push(uidElement(COMMAND_ELEMENT.affectedSopInstanceUid, sopInstanceUid));
  }
  if (response.elements !== undefined) {
    elements.push(...response.elements);
    elements.sort((a, b) => a.element - b.element);
  }
  return encodeCommandSet(elements);
}
