/** A-ASSOCIATE-RJ reasons by source, PS3.8 Table 9-21. */
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

/** Why a peer rejected an Association, in words; in numbers where PS3.8 has none. */
export function rejectionText(source: number, reason: number): string {
  return REJECT_REASONS[source]?.[reason] ?? `source ${source}, reason ${reason}`;
}

/** Why a connection failed, without the sending library's marks of where. */
export function networkErrorText(error: unknown): string {
  const message = error instanceof Error ? error.message : 'network error';
  if (message.includes('ECONNREFUSED')) return 'connection refused: nothing listens on that port';
  if (/ENOTFOUND|EAI_AGAIN/.test(message)) return 'the host name cannot be resolved';
  if (/EHOSTUNREACH|ENETUNREACH/.test(message)) return 'there is no network route to that address';
  if (/ECONNRESET|EPIPE/.test(message)) return 'the peer closed the connection';
  if (/time ?out|ETIMEDOUT/i.test(message)) return 'no answer in time';
  if (/unknown PDU type/i.test(message))
    return 'what listens on that port does not speak DICOM (another service, or TLS)';
  return message.replace(/^.*?-> /, '');
}
