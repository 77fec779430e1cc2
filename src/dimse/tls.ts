import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions, TLSSocket, TlsOptions } from 'node:tls';

/** Certificate chain, private key and, for client certificates, the authorities they must descend from; PEM. */
export interface TlsMaterial {
  readonly cert: Buffer | string;
  /** Not encrypted. */
  readonly key: Buffer | string;
  readonly ca?: Buffer | string;
  /** Revocation lists, one each. With any, there must be one of every authority in a chain (OpenSSL's CRL_CHECK_ALL). */
  readonly crl?: readonly string[];
}

export interface DimseTlsOptions extends TlsMaterial {
  /** Whether peers show a certificate: never asked, checked where there is one, or a must. Default `none`. */
  readonly clientCert?: 'none' | 'optional' | 'required';
  /** Which calling AE titles belong to which certificate subjects; see {@link createAeTitleCheck}. */
  readonly callingAeBySubject?: Readonly<Record<string, readonly string[]>>;
}

/**
 * BCP 195 (RFC 9325 4.2), which PS3.15 B.9 to B.13 build on: forward secrecy and authenticated encryption only. The
 * first three are of TLS 1.3.
 */
const CIPHER_SUITES = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/**
 * What a secure context is made of, for either side. Fit for `setSecureContext`, which leaves what is connected as it is.
 */
export function secureContextOptions({
  cert,
  key,
  ca,
  crl = [],
}: Partial<TlsMaterial>): SecureContextOptions {
  return {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
    ...(crl.length > 0 && { crl: [...crl] }),
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: CIPHER_SUITES,
    honorCipherOrder: true,
  };
}

/** @throws Error where certificate, key and authorities cannot be read or do not belong together. */
export function checkTlsMaterial(material: Partial<TlsMaterial>): void {
  createTlsContext(material);
}

/** A secure context of {@link secureContextOptions} and more. @throws as {@link checkTlsMaterial} */
export function createTlsContext(
  material: Partial<TlsMaterial>,
  more: SecureContextOptions = {},
): SecureContext {
  const context = createSecureContext({ ...secureContextOptions(material), ...more });
  const { cert, key } = material;
  // OpenSSL compares the two only where they are of one kind, and would show no certificate at all.
  if (cert !== undefined && key !== undefined) {
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      throw new Error('the private key is not that of the certificate');
    }
  }
  return context;
}

/** The options of the listener. @throws as {@link checkTlsMaterial} */
export function listenerTlsOptions(options: DimseTlsOptions): TlsOptions {
  const { clientCert = 'none' } = options;
  checkTlsMaterial(options);
  return {
    ...secureContextOptions(options),
    requestCert: clientCert !== 'none',
    rejectUnauthorized: clientCert === 'required',
  };
}

/** What a TLS peer has shown of itself. */
export type PeerCertificate =
  | { readonly kind: 'none' }
  | { readonly kind: 'valid'; readonly subject: CertificateSubject }
  | { readonly kind: 'invalid'; readonly reason: string };

const LIST_HINTS: Readonly<Record<string, string>> = {
  CERT_REVOKED: 'its certificate was revoked: if it is to be let in, its authority has to issue it another',
  CRL_HAS_EXPIRED:
    'the revocation list of its authority is out of date: put the current one in the file of "crl"',
  CRL_NOT_YET_VALID: 'the revocation list of its authority is from the future: set the clock of this machine',
  UNABLE_TO_GET_CRL:
    'an authority in the chain of its certificate has no revocation list in "crl", where every one needs it, the root too: add the list',
  CRL_SIGNATURE_FAILURE:
    'the revocation list with the name of its authority was signed with another key: get the current list of the authority in "ca"',
};

/** What an operator can do about a client certificate that was refused on account of revocation lists. @param code OpenSSL's. */
export function revocationHint(code: string): string | undefined {
  return LIST_HINTS[code];
}

/** Attribute types as OpenSSL names them (CN, O, OU, ...) with their values. */
export type CertificateSubject = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Looks at the certificate of a peer whose handshake is done. */
export function peerCertificate(socket: TLSSocket): PeerCertificate {
  const certificate = socket.getPeerCertificate() as { subject?: CertificateSubject } | null;
  if (certificate?.subject === undefined) return { kind: 'none' };
  if (socket.authorized) return { kind: 'valid', subject: certificate.subject };
  // An error code such as CERT_HAS_EXPIRED, though its type says Error.
  return { kind: 'invalid', reason: String(socket.authorizationError) };
}

/** Decides whether a peer may call itself so. */
export type AeTitleCheck = (callingAeTitle: string, subject: CertificateSubject | undefined) => boolean;

/**
 * Ties calling AE titles to certificates. A certificate that fits a subject of the map may use the AE titles listed
 * there and no others; an AE title that is listed may be used with such a certificate only. What is not in the map is
 * as free as without it.
 *
 * A subject is written like `CN=ct1.example, O=City Medical`; a certificate fits when it has all these attributes, in
 * any order and whatever case, among others or not. `\,` stands for a comma inside a value.
 * @throws RangeError for a subject that cannot be read.
 */
export function createAeTitleCheck(map: Readonly<Record<string, readonly string[]>>): AeTitleCheck {
  const entries = Object.entries(map).map(([text, titles]) => {
    const attributes = parseSubject(text);
    if (attributes === undefined) throw new RangeError(`not a certificate subject: ${text}`);
    return { attributes, titles };
  });
  const listed = new Set(entries.flatMap(({ titles }) => titles));
  return (callingAeTitle, subject) => {
    const fitting = entries.filter(({ attributes }) => subject !== undefined && hasAll(subject, attributes));
    if (fitting.length === 0) return !listed.has(callingAeTitle);
    return fitting.some(({ titles }) => titles.includes(callingAeTitle));
  };
}

type Attribute = readonly [type: string, value: string];

function parseSubject(text: string): readonly Attribute[] | undefined {
  const attributes: Attribute[] = [];
  for (const part of text.split(/(?<!\\),/)) {
    const match = /^\s*([A-Za-z][A-Za-z0-9.-]*)\s*=\s*(.*\S)\s*$/s.exec(part);
    if (match?.[1] === undefined || match[2] === undefined) return undefined;
    attributes.push([match[1].toLowerCase(), match[2].replace(/\\,/g, ',').toLowerCase()]);
  }
  return attributes;
}

function hasAll(subject: CertificateSubject, wanted: readonly Attribute[]): boolean {
  const present = Object.entries(subject).flatMap(([type, values]) =>
    [values ?? []].flat().map((value) => `${type.toLowerCase()}=${value.trim().toLowerCase()}`),
  );
  return wanted.every(([type, value]) => present.includes(`${type}=${value}`));
}
