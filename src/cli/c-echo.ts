import dimse from 'dcmjs-dimse';

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

/** A-ASSOCIATE-RJ reasons by source, PS3.8 table 9-21. */
const REJECT_REASONS: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  1: {
    1: 'no reason given',
    2: 'application context name not supported',
    3: 'calling AE title not recognized',
    7: 'called AE title not recognized',
  },
  2: { 1: 'no reason given', 2: 'protocol version not supported' },
  3: { 1: 'temporary congestion', 2: 'local limit exceeded' },
};

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
      const text = REJECT_REASONS[source]?.[reason] ?? `source ${source}, reason ${reason}`;
      outcome ??= { kind: 'rejected', reason: text };
    });
    client.on('abort', () => {
      outcome ??= { kind: 'aborted' };
      resolve(outcome);
    });
    client.on('networkError', (error: Error) => {
      resolve(outcome ?? { kind: 'unreachable', message: networkMessage(error) });
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

function networkMessage(error: Error): string {
  if (error.message.includes('ECONNREFUSED')) return 'connection refused: nothing listens on that port';
  if (/ENOTFOUND|EAI_AGAIN/.test(error.message)) return 'the host name cannot be resolved';
  if (/EHOSTUNREACH|ENETUNREACH/.test(error.message)) return 'there is no network route to that address';
  if (/time ?out|ETIMEDOUT/i.test(error.message)) return 'no answer in time';
  return error.message.replace(/^.*?-> /, '');
}
