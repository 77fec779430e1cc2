import dimse from 'dcmjs-dimse';

import { networkErrorText, rejectionText } from '../dimse/scu/failure-text.ts';

export interface EchoOptions {
  readonly host: string;
  readonly port: number;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  readonly timeoutMs: number;
}

export type EchoOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly peerImplementation: string }
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'unreachable'; readonly message: string };

/** Sends one C-ECHO (PS3.7 9.1.5) on an Association of its own. Never rejects. */
export function sendEcho(options: EchoOptions): Promise<EchoOutcome> {
  // The library logs to the console by default, in the middle of our output.
  dimse.log.setLevel('silent');
  return new Promise((resolve) => {
    const client = new dimse.Client();
    const request = new dimse.requests.CEchoRequest();
    let peerImplementation = '';
    let outcome: EchoOutcome | undefined;

    request.on('response', (response: { getStatus(): number }) => {
      outcome = { kind: 'answered', status: response.getStatus(), peerImplementation };
    });
    client.on('associationAccepted', (association: { getImplementationVersion(): string }) => {
      peerImplementation = association.getImplementationVersion();
    });
    client.on('associationRejected', ({ source, reason }: { source: number; reason: number }) => {
      outcome ??= { kind: 'rejected', reason: rejectionText(source, reason) };
    });
    client.on('abort', () => {
      outcome ??= { kind: 'aborted' };
      resolve(outcome);
    });
    client.on('networkError', (error: Error) => {
      resolve(outcome ?? { kind: 'unreachable', message: networkErrorText(error) });
    });
    client.on('closed', () => {
      resolve(
        outcome ?? { kind: 'unreachable', message: 'the peer closed the connection without an answer' },
      );
    });
    client.addRequest(request);
    client.send(options.host, options.port, options.callingAeTitle, options.calledAeTitle, {
      connectTimeout: options.timeoutMs,
      associationTimeout: options.timeoutMs,
      pduTimeout: options.timeoutMs,
      associationLingerTimeout: 0,
    });
  });
}
