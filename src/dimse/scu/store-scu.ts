import dcmjsDimse from 'dcmjs-dimse';

import { EXPLICIT_VR_LITTLE_ENDIAN_UID, IMPLICIT_VR_LITTLE_ENDIAN_UID } from '../../dicom/transfer-syntax.ts';
import { PRESENTATION_CONTEXT_RESULT } from '../pdu/types.ts';
import { runLibraryAssociation } from './library-association.ts';
import type { LibraryAssociation } from './library-association.ts';
import type { PeerTls } from './peer-tls.ts';
import type { TlsProblem } from './tls-failure.ts';

type Response = InstanceType<typeof dcmjsDimse.responses.CStoreResponse>;

/** One object to send, exactly as its bytes are. */
export interface ObjectToSend {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
  /** Length of the Data Set, where it is known beforehand: large ones are given more time. */
  readonly bytes?: number;
  /**
   * The Data Set bytes; called once, when its turn comes, so that only one object is in memory. Where it throws, the
   * Association ends.
   */
  readDataSet(): Buffer;
}

export interface StoreScuOptions<T extends ObjectToSend> {
  readonly host: string;
  readonly port: number;
  /** Without, plain TCP. */
  readonly tls?: PeerTls | undefined;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  /** At most {@link MAX_CONTEXT_PAIRS} distinct pairs of SOP Class and Transfer Syntax among them. */
  readonly objects: readonly T[];
  /**
   * Called for each C-STORE-RSP, in the order sent.
   * @param status DIMSE Status, 0x0000 is Success.
   * @param errorComment (0000,0902), empty where the peer gave none.
   */
  readonly onResponse?: (object: T, status: number, errorComment: string) => void;
  /** How long to wait for the connection, the acceptance and each answer. Default 60 s. */
  readonly timeoutMs?: number;
}

/**
 * Most pairs of SOP Class and Transfer Syntax in one Association: of the 128 Presentation Contexts (PS3.8 9.3.2.2) the
 * library takes one for each SOP Class besides.
 */
export const MAX_CONTEXT_PAIRS = 64;

/** The Association could not be made or did not last. */
export class AssociationError extends Error {
  override readonly name = 'AssociationError';
  /**
   * `tls`: the peer is there, and TLS with it is not to be had; `unreadable`: ended by us, since a `readDataSet` threw;
   * what it threw is the cause.
   */
  readonly reason: 'unreachable' | 'tls' | 'rejected' | 'lost' | 'unreadable';
  /** Present with the reason `tls`. */
  readonly tlsProblem: TlsProblem | undefined;
  constructor(
    reason: AssociationError['reason'],
    message: string,
    options: ErrorOptions & { readonly tlsProblem?: TlsProblem | undefined } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.tlsProblem = options.tlsProblem;
  }
}

/** Slower than this, a sender is taken to be stuck. */
const MIN_BYTES_PER_MS = 1000;

/** A Data Set that goes out as it is: the library's own writer would change the character set, among others. */
class RawDataSet extends dcmjsDimse.Dataset {
  readonly #object: ObjectToSend;
  readonly #onFailure: (cause: unknown) => void;

  constructor(object: ObjectToSend, onFailure: (cause: unknown) => void) {
    const { sopClassUid, sopInstanceUid } = object;
    super({ SOPClassUID: sopClassUid, SOPInstanceUID: sopInstanceUid }, object.transferSyntaxUid);
    this.#object = object;
    this.#onFailure = onFailure;
  }

  override getDenaturalizedDataset(): Buffer {
    try {
      return this.#object.readDataSet();
    } catch (cause) {
      this.#onFailure(cause);
      throw cause;
    }
  }
}

/**
 * Sends objects over one Association. Each is proposed in the Transfer Syntax that it is in and never converted.
 * Resolves when the Association has been released; how each object fared is told by `onResponse`.
 * @returns the objects that were not sent because the peer accepted no Presentation Context for them.
 * @throws AssociationError where it was rejected, aborted or lost.
 * @throws RangeError for too many pairs of SOP Class and Transfer Syntax.
 */
export async function storeObjects<T extends ObjectToSend>(
  options: StoreScuOptions<T>,
): Promise<readonly T[]> {
  const { host, port, callingAeTitle, calledAeTitle, objects, onResponse, timeoutMs = 60_000 } = options;
  if (objects.length === 0) return [];
  const pairs = new Map(objects.map((object) => [pairOf(object), object]));
  if (pairs.size > MAX_CONTEXT_PAIRS) {
    throw new RangeError(
      `${pairs.size} pairs of SOP Class and Transfer Syntax, at most ${MAX_CONTEXT_PAIRS}`,
    );
  }
  const unanswered = new Set(objects);
  let readFailure: { readonly cause: unknown } | undefined;
  const requests = objects.map((object) => {
    const dataSet = new RawDataSet(object, (cause) => {
      readFailure ??= { cause };
    });
    const request = new dcmjsDimse.requests.CStoreRequest(dataSet);
    request.on('response', (response: Response) => {
      unanswered.delete(object);
      onResponse?.(object, response.getStatus(), response.getErrorComment() || '');
    });
    return { object, request };
  });
  const largest = objects.reduce((most, { bytes = 0 }) => Math.max(most, bytes), 0);
  const end = await runLibraryAssociation({
    host,
    port,
    tls: options.tls,
    callingAeTitle,
    calledAeTitle,
    requests: requests.map(({ request }) => request),
    // The library proposes a context of its own for each syntax but these two, which it proposes together.
    contexts: [...pairs.values()]
      .filter(({ transferSyntaxUid }) => PROPOSED_TOGETHER.has(transferSyntaxUid))
      .map(presentationContext),
    onAccepted(association) {
      // What has no context in its own syntax must not get to the library, which would put another object in its place.
      const accepted = acceptedPairs(association);
      return requests.filter(({ object }) => accepted.has(pairOf(object))).map(({ request }) => request);
    },
    timeoutMs,
    // Counted from the answer before, so that it covers the sending as well.
    pduTimeoutMs: timeoutMs + largest / MIN_BYTES_PER_MS,
  });
  if (end.kind === 'released') return [...unanswered];
  if (readFailure !== undefined) {
    throw new AssociationError('unreadable', 'a Data Set could not be read', readFailure);
  }
  const peer = `${calledAeTitle}@${host}:${port}`;
  if (end.kind === 'rejected') {
    throw new AssociationError('rejected', `${peer}: Association rejected (${end.reason})`);
  }
  if (end.kind === 'aborted') throw new AssociationError('lost', `${peer}: the peer aborted the Association`);
  const { message, tlsProblem, wasConnected } = end;
  const reason = tlsProblem !== undefined ? 'tls' : wasConnected ? 'lost' : 'unreachable';
  throw new AssociationError(reason, `${peer}: ${message}`, { tlsProblem });
}

/** What an Association proposes for an object: its SOP Class in its Transfer Syntax. */
export function pairOf(object: Pick<ObjectToSend, 'sopClassUid' | 'transferSyntaxUid'>): string {
  return `${object.sopClassUid} ${object.transferSyntaxUid}`;
}

const PROPOSED_TOGETHER: ReadonlySet<string> = new Set([
  IMPLICIT_VR_LITTLE_ENDIAN_UID,
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
]);

function acceptedPairs(association: LibraryAssociation): ReadonlySet<string> {
  const accepted = new Set<string>();
  for (const { id } of association.getPresentationContexts()) {
    const context = association.getPresentationContext(id);
    if (context.getResult() !== PRESENTATION_CONTEXT_RESULT.acceptance) continue;
    const transferSyntaxUid = context.getAcceptedTransferSyntaxUid() ?? '';
    accepted.add(pairOf({ sopClassUid: context.getAbstractSyntaxUid(), transferSyntaxUid }));
  }
  return accepted;
}

function presentationContext(object: ObjectToSend) {
  const association = new dcmjsDimse.association.Association('', '');
  const id = association.addPresentationContext(object.sopClassUid);
  association.addTransferSyntaxToPresentationContext(id, object.transferSyntaxUid);
  return association.getPresentationContext(id);
}
