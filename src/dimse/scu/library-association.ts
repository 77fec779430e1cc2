import dcmjsDimse from 'dcmjs-dimse';

import { connectToPeer } from './connect-to-peer.ts';
import { networkErrorText, rejectionText } from './failure-text.ts';
import { prepareTls, TlsFilesError } from './peer-tls.ts';
import type { PeerTls, PreparedTls } from './peer-tls.ts';
import type { TlsProblem } from './tls-failure.ts';

export type LibraryAssociation = InstanceType<typeof dcmjsDimse.association.Association>;
type LibraryContext = InstanceType<typeof dcmjsDimse.association.PresentationContext>;
type LibraryRequest = InstanceType<typeof dcmjsDimse.requests.Request>;

export interface LibraryAssociationOptions {
  readonly host: string;
  readonly port: number;
  /** DICOM over TLS (PS3.15 B.12); without, plain TCP. */
  readonly tls?: PeerTls | undefined;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  /** Their SOP Classes are proposed in Implicit and Explicit VR Little Endian. */
  readonly requests: readonly LibraryRequest[];
  /** Proposed besides. */
  readonly contexts?: readonly LibraryContext[];
  /** Which of the requests go out, now that the peer has accepted; default all. */
  readonly onAccepted?: (association: LibraryAssociation) => readonly LibraryRequest[];
  /** Longest wait for the connection and for the acceptance, milliseconds. */
  readonly timeoutMs: number;
  /** Longest silence of the peer after that, milliseconds. Default: the same. */
  readonly pduTimeoutMs?: number;
}

const FAREWELL_MS = 1000;

/** How an Association came to its end. */
export type AssociationEnd =
  | { readonly kind: 'released' }
  /** @param reason in words. */
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'aborted' }
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly tlsProblem?: TlsProblem;
      /** Whether a request could have been sent. */
      readonly wasConnected: boolean;
    };

/**
 * The library's protocol on a connection of ours. Its own client verifies a certificate for the host that it connects to,
 * and can be told no other name; it tells nothing of a failed handshake but a message, writes its request before the
 * handshake is through, and has no way to turn Nagle's algorithm off.
 */
class Network extends dcmjsDimse.Scp {
  readonly #onAbort: () => void;

  constructor(
    socket: ConstructorParameters<typeof dcmjsDimse.Scp>[0],
    options: ConstructorParameters<typeof dcmjsDimse.Scp>[1],
    onAbort: () => void,
  ) {
    super(socket, options);
    this.#onAbort = onAbort;
  }

  override abort(): void {
    this.#onAbort();
  }
}

/** Sends requests over one Association and releases it. Responses are told by the requests themselves. Never rejects. */
export async function runLibraryAssociation(options: LibraryAssociationOptions): Promise<AssociationEnd> {
  const { host, tls } = options;
  try {
    return await run(options, tls && (await prepareTls(host, tls)));
  } catch (error) {
    if (!(error instanceof TlsFilesError)) throw error;
    return { kind: 'failed', message: error.message, tlsProblem: 'own-files', wasConnected: false };
  }
}

function run(options: LibraryAssociationOptions, tls: PreparedTls | undefined): Promise<AssociationEnd> {
  const { host, port, requests, onAccepted, timeoutMs, pduTimeoutMs = timeoutMs } = options;
  // The library logs to the console by default, in the middle of our output.
  dcmjsDimse.log.setLevel('silent');
  return new Promise((resolve) => {
    const connection = connectToPeer({ host, port, tls });
    const { socket } = connection;
    let isReady = false;
    let isOver = false;
    const network = new Network(
      socket,
      { connectTimeout: timeoutMs, associationTimeout: timeoutMs, pduTimeout: pduTimeoutMs },
      () => end({ kind: 'aborted' }),
    );

    function end(how: AssociationEnd | Promise<AssociationEnd>): void {
      if (isOver) return;
      isOver = true;
      resolve(how);
      if (!isReady) {
        socket.destroy();
        return;
      }
      // An A-ABORT may be on its way; a peer that takes nothing any more is not waited for.
      socket.destroySoon();
      setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
    }
    function lose(message: string): void {
      end(
        connection
          .explain(message)
          .then((failure) => ({ kind: 'failed', ...failure, wasConnected: isReady })),
      );
    }

    connection.onReady(() => {
      isReady = true;
      network.sendAssociationRequest(proposal(options));
    });
    network.on('associationAccepted', (association) => {
      network.sendRequests([...(onAccepted?.(association as LibraryAssociation) ?? requests)]);
    });
    network.on('done', () => setImmediate(() => network.sendAssociationReleaseRequest()));
    network.on('associationReleaseResponse', () => end({ kind: 'released' }));
    network.on('associationRejected', (rejection) => {
      const { source, reason } = rejection as { source: number; reason: number };
      end({ kind: 'rejected', reason: rejectionText(source, reason) });
    });
    network.on('networkError', (error) => lose(networkErrorText(error)));
    network.on('close', () => lose('the peer closed the connection before the Association was released'));
  });
}

function proposal(options: LibraryAssociationOptions): LibraryAssociation {
  const { callingAeTitle, calledAeTitle, requests, contexts = [] } = options;
  const association = new dcmjsDimse.association.Association(callingAeTitle, calledAeTitle);
  const { ImplicitVRLittleEndian, ExplicitVRLittleEndian } = dcmjsDimse.constants.TransferSyntax;
  for (const request of requests) {
    association.addPresentationContextFromRequest(request, [ImplicitVRLittleEndian, ExplicitVRLittleEndian]);
  }
  for (const context of contexts) {
    const id = association.addPresentationContext(context.getAbstractSyntaxUid());
    for (const uid of context.getTransferSyntaxUids()) {
      association.addTransferSyntaxToPresentationContext(id, uid);
    }
  }
  return association;
}
