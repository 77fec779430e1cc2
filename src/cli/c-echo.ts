import dimse from 'dcmjs-dimse';

import { runLibraryAssociation } from '../dimse/scu/library-association.ts';
import type { PeerTls } from '../dimse/scu/peer-tls.ts';
import type { TlsProblem } from '../dimse/scu/tls-failure.ts';

export interface EchoOptions {
  readonly host: string;
  readonly port: number;
  /** Without, plain TCP. */
  readonly tls?: PeerTls | undefined;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  readonly timeoutMs: number;
}

export type EchoOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly peerImplementation: string }
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'tls-failed'; readonly problem: TlsProblem; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string };

/** Sends one C-ECHO (PS3.7 9.1.5) on an Association of its own. Never rejects. */
export async function sendEcho({ timeoutMs, ...target }: EchoOptions): Promise<EchoOutcome> {
  const request = new dimse.requests.CEchoRequest();
  let peerImplementation = '';
  let status: number | undefined;
  request.on('response', (response: { getStatus(): number }) => {
    status = response.getStatus();
  });
  const end = await runLibraryAssociation({
    ...target,
    requests: [request],
    timeoutMs,
    onAccepted(association) {
      peerImplementation = association.getImplementationVersion();
      return [request];
    },
  });
  // An answer counts, however the Association ended.
  if (status !== undefined) return { kind: 'answered', status, peerImplementation };
  switch (end.kind) {
    case 'rejected':
    case 'aborted':
      return end;
    case 'released':
      return { kind: 'unreachable', message: 'the peer does not offer Verification' };
    case 'failed':
      return end.tlsProblem === undefined
        ? { kind: 'unreachable', message: end.message }
        : { kind: 'tls-failed', problem: end.tlsProblem, message: end.message };
  }
}
