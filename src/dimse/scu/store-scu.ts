import dcmjsDimse from 'dcmjs-dimse';

type Response = InstanceType<typeof dcmjsDimse.responses.CStoreResponse>;

/** One object to send, exactly as its bytes are. */
export interface ObjectToSend {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
  /** The Data Set bytes; called once, when its turn comes, so that only one object is in memory. */
  readDataSet(): Buffer;
}

export interface StoreScuOptions {
  readonly host: string;
  readonly port: number;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  /** At most 128 distinct pairs of SOP Class and Transfer Syntax among them (PS3.8: one Presentation Context each). */
  readonly objects: readonly ObjectToSend[];
  /** Called for each C-STORE-RSP, in the order sent. @param status DIMSE Status, 0x0000 is Success. */
  readonly onResponse?: (object: ObjectToSend, status: number) => void;
  /** How long to wait for the connection, the acceptance and each PDU. Default 60 s. */
  readonly timeoutMs?: number;
}

/** The Association could not be made or did not last. */
export class AssociationError extends Error {
  override readonly name = 'AssociationError';
}

/** A Data Set that goes out as it is: the library's own writer would change the character set, among others. */
class RawDataSet extends dcmjsDimse.Dataset {
  readonly #object: ObjectToSend;

  constructor(object: ObjectToSend) {
    const { sopClassUid, sopInstanceUid } = object;
    super({ SOPClassUID: sopClassUid, SOPInstanceUID: sopInstanceUid }, object.transferSyntaxUid);
    this.#object = object;
  }

  override getDenaturalizedDataset(): Buffer {
    return this.#object.readDataSet();
  }
}

/**
 * Sends objects over one Association. Each is proposed in the Transfer Syntax that it is in and never converted.
 * Resolves when the Association has been released; how each object fared is told by `onResponse`.
 * @returns the objects that were not sent because the peer accepted no Presentation Context for them.
 * @throws AssociationError where it was rejected, aborted or lost.
 */
export function storeObjects(options: StoreScuOptions): Promise<readonly ObjectToSend[]> {
  const { host, port, callingAeTitle, calledAeTitle, objects, onResponse, timeoutMs = 60_000 } = options;
  if (objects.length === 0) return Promise.resolve([]);
  dcmjsDimse.log.setLevel('silent');
  const client = new dcmjsDimse.Client();
  const contexts = new Set<string>();
  const unanswered = new Set(objects);
  for (const object of objects) {
    const contextName = `${object.sopClassUid} ${object.transferSyntaxUid}`;
    if (!contexts.has(contextName)) {
      contexts.add(contextName);
      client.addAdditionalPresentationContext(presentationContext(object), true);
    }
    const request = new dcmjsDimse.requests.CStoreRequest(new RawDataSet(object));
    request.on('response', (response: Response) => {
      unanswered.delete(object);
      onResponse?.(object, response.getStatus());
    });
    client.addRequest(request);
  }
  return new Promise((resolve, reject) => {
    const fail = (what: string): void =>
      reject(new AssociationError(`${calledAeTitle}@${host}:${port}: ${what}`));
    let isReleased = false;
    client.on('associationReleased', () => {
      isReleased = true;
    });
    client.on('associationRejected', (rejection) => {
      const { source, reason } = rejection as { source: number; reason: number };
      fail(`Association rejected (source ${source}, reason ${reason})`);
    });
    client.on('networkError', (error) => fail(error instanceof Error ? error.message : 'network error'));
    client.on('closed', () => {
      if (isReleased) resolve([...unanswered]);
      else fail('connection closed before the Association was released');
    });
    client.send(host, port, callingAeTitle, calledAeTitle, {
      connectTimeout: timeoutMs,
      associationTimeout: timeoutMs,
      pduTimeout: timeoutMs,
    });
  });
}

function presentationContext(object: ObjectToSend) {
  const association = new dcmjsDimse.association.Association('', '');
  const id = association.addPresentationContext(object.sopClassUid);
  association.addTransferSyntaxToPresentationContext(id, object.transferSyntaxUid);
  return association.getPresentationContext(id);
}
