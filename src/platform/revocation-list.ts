import type { X509Certificate } from 'node:crypto';

/** A certificate revocation list (RFC 5280 section 5), as far as it says whose it is and for how long. */
export interface RevocationList {
  /** The list alone, PEM: OpenSSL takes one at a time. */
  readonly pem: string;
  /** Name of the authority that made it: DER in Base64, for comparing with {@link subjectName}. */
  readonly issuer: string;
  /** When it was made, milliseconds since 1970 UTC. */
  readonly thisUpdateAt: number;
  /** By when there is to be another; from then on nobody is let in by it. undefined: it does not say. */
  readonly nextUpdateAt: number | undefined;
}

/** A file that holds no revocation list that can be read. */
export class RevocationListError extends Error {
  override readonly name = 'RevocationListError';
}

const PEM_LIST = /-----BEGIN X509 CRL-----([\s\S]*?)-----END X509 CRL-----/g;

/** Tags of DER (X.690 8.1.2) that RFC 5280 5.1 uses. */
const SEQUENCE = 0x30;
const INTEGER = 0x02;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
/** `[0] EXPLICIT`, which the version of a certificate is in. */
const CONTEXT_0 = 0xa0;

/**
 * Finds the revocation lists of a PEM file. Their signatures are not looked at: OpenSSL verifies them with each certificate.
 * @throws RevocationListError where there are none, or one cannot be read.
 */
export function readRevocationLists(text: string): readonly RevocationList[] {
  const lists = [...text.matchAll(PEM_LIST)].map(([pem, body = '']) => readList(pem, body));
  if (lists.length === 0) {
    throw new RevocationListError(
      'no revocation list in PEM; one in DER becomes one with: openssl crl -inform DER -in FILE -out FILE.pem',
    );
  }
  return lists;
}

/**
 * How long a list is still good for. `ending`: a tenth of its time is left or less, which an authority that makes lists at
 * regular intervals rarely lets come about.
 * @param now milliseconds since 1970 UTC.
 */
export function revocationListState(
  { thisUpdateAt, nextUpdateAt }: Pick<RevocationList, 'thisUpdateAt' | 'nextUpdateAt'>,
  now: number,
): 'good' | 'ending' | 'over' {
  if (nextUpdateAt === undefined) return 'good';
  if (now >= nextUpdateAt) return 'over';
  return nextUpdateAt - now <= (nextUpdateAt - thisUpdateAt) / 10 ? 'ending' : 'good';
}

/** Name of the holder of a certificate: DER in Base64. @throws RangeError where it cannot be found. */
export function subjectName({ raw }: X509Certificate): string {
  // Certificate, TBSCertificate (RFC 5280 4.1).
  const fields = childrenOf(childrenOf(elementAt(raw, 0))[0]);
  // serialNumber, signature, issuer, validity, subject
  const subject = fields[(fields[0]?.tag === CONTEXT_0 ? 1 : 0) + 4];
  return nameOf(subject);
}

function readList(pem: string, body: string): RevocationList {
  try {
    // CertificateList, TBSCertList (RFC 5280 5.1).
    const fields = childrenOf(childrenOf(elementAt(Buffer.from(body, 'base64'), 0))[0]);
    const [, issuer, thisUpdate, nextUpdate] = fields[0]?.tag === INTEGER ? fields.slice(1) : fields;
    const thisUpdateAt = timeOf(thisUpdate);
    if (thisUpdateAt === undefined) throw new RangeError('it does not say when it was made');
    return { pem, issuer: nameOf(issuer), thisUpdateAt, nextUpdateAt: timeOf(nextUpdate) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RevocationListError(`a revocation list that cannot be read (${reason})`, { cause: error });
  }
}

/** An element of DER: tag, length, content (X.690 8.1). */
interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly whole: Buffer;
}

function elementAt(bytes: Buffer, start: number): Element {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined) throw new RangeError('it ends too early');
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  // Four bytes count 4 GiB; without a number of them (0x80) it would be BER.
  if (first === 0x80 || lengthBytes > 4) throw new RangeError('it is not DER');
  const from = start + 2 + lengthBytes;
  if (from > bytes.length) throw new RangeError('it ends too early');
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(start + 2, lengthBytes);
  if (from + length > bytes.length) throw new RangeError('it ends too early');
  return { tag, content: bytes.subarray(from, from + length), whole: bytes.subarray(start, from + length) };
}

/** A list of revoked certificates may be long, and stands last but one: what is wanted is among the first seven. */
const MAX_CHILDREN = 7;

function childrenOf(element: Element | undefined): readonly Element[] {
  if (element?.tag !== SEQUENCE) throw new RangeError('it is no such structure');
  const children: Element[] = [];
  let at = 0;
  while (at < element.content.length && children.length < MAX_CHILDREN) {
    const child = elementAt(element.content, at);
    children.push(child);
    at += child.whole.length;
  }
  return children;
}

function nameOf(element: Element | undefined): string {
  if (element?.tag !== SEQUENCE) throw new RangeError('it has no name');
  return element.whole.toString('base64');
}

/** RFC 5280 5.1.2.4: UTC, with seconds; years of two digits are from 1950 to 2049. */
function timeOf(element: Element | undefined): number | undefined {
  if (element?.tag !== UTC_TIME && element?.tag !== GENERALIZED_TIME) return undefined;
  const text = element.content.toString('latin1');
  const [, year = '', month = '', day = '', hour = '', minute = '', second = ''] =
    /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text) ?? [];
  const century = year.length === 4 ? '' : Number(year) < 50 ? '20' : '19';
  const at = Date.parse(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(at)) throw new RangeError('its time is none');
  return at;
}
