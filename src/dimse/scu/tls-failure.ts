import type { PeerCertificate, TLSSocket } from 'node:tls';

/** What keeps us from speaking TLS with a peer; names for programs. */
export type TlsProblem =
  /** Its certificate does not descend from an authority that is trusted here. */
  | 'untrusted'
  | 'expired'
  /** Its certificate, or one that it descends from, stands in a revocation list. */
  | 'revoked'
  /** Whether it was revoked cannot be told: a revocation list is missing, out of date, or not of its authority. */
  | 'revocation-unknown'
  | 'not-yet-valid'
  /** Its certificate is somebody else's. */
  | 'wrong-name'
  /** It wants a certificate of ours, and there is none. */
  | 'certificate-wanted'
  | 'certificate-refused'
  /** It broke the handshake off for another reason, such as that no version or cipher suite suits both. */
  | 'handshake-failed'
  /** It does not speak TLS, as far as can be told. */
  | 'no-tls'
  /** It speaks TLS, and we did not. */
  | 'tls-only'
  /** Our own certificate, key or authorities cannot be used. */
  | 'own-files';

export interface TlsFailure {
  readonly problem: TlsProblem;
  /** About the peer, without naming it. */
  readonly message: string;
}

/** A certificate that is good, and not the peer's: what `checkServerIdentity` returns. */
export class PeerNameError extends Error {
  override readonly name = 'PeerNameError';
}

/** Codes by which OpenSSL says that a chain leads to nothing that is trusted, and what they mean. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'the authority at the end of its chain is unknown here',
  UNABLE_TO_GET_ISSUER_CERT: 'its authority is unknown here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is unknown here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is unknown here',
  CERT_UNTRUSTED: 'its authority is not trusted for this',
  CERT_REJECTED: 'its authority is not trusted for this',
  CERT_SIGNATURE_FAILURE: 'its signature is not of the authority that it names',
  CERT_CHAIN_TOO_LONG: 'its chain is too long',
  INVALID_CA: 'what signed it is no authority',
  INVALID_PURPOSE: 'it is not for servers',
  PATH_LENGTH_EXCEEDED: 'its chain is longer than its authority allows',
};

/** Codes by which OpenSSL says that a revocation list is of no use, and what they mean. */
const LIST_PROBLEMS: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_CRL: 'an authority in its chain has no revocation list here',
  CRL_HAS_EXPIRED: 'the revocation list of an authority in its chain is out of date',
  CRL_NOT_YET_VALID: 'the revocation list of an authority in its chain is from the future, by the clock here',
  CRL_SIGNATURE_FAILURE:
    'the revocation list with the name of an authority in its chain is signed with another key',
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: 'the signature of a revocation list cannot be read',
  ERROR_IN_CRL_LAST_UPDATE_FIELD: 'a revocation list does not say when it was made',
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: 'a revocation list does not say by when there is another',
};

/** Alerts (RFC 8446 6.2) by which a peer refuses the certificate that it was shown, as Node's codes end. */
const CERTIFICATE_ALERTS: Readonly<Record<string, string>> = {
  UNKNOWN_CA: 'it does not trust its authority',
  BAD_CERTIFICATE: 'it calls it bad',
  UNSUPPORTED_CERTIFICATE: 'it does not support its kind',
  CERTIFICATE_REVOKED: 'it calls it revoked',
  CERTIFICATE_EXPIRED: 'it calls it expired',
  CERTIFICATE_UNKNOWN: 'it does not accept it',
  ACCESS_DENIED: 'it denies access to its holder',
  DECRYPT_ERROR: 'it cannot verify its signature',
};

/** What TLS goes wrong with where the peer is no TLS server at all. */
const NOT_TLS = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_UNEXPECTED_MESSAGE',
  'ERR_SSL_HTTP_REQUEST',
]);

/**
 * Puts into words why TLS failed.
 * @param socket is asked what the peer had shown of itself by then.
 * @returns undefined for an error that has nothing to do with TLS.
 */
export function describeTlsFailure(
  error: NodeJS.ErrnoException,
  socket: Pick<TLSSocket, 'getPeerCertificate'>,
  showsCertificate: boolean,
): TlsFailure | undefined {
  const { code = '' } = error;
  if (error instanceof PeerNameError) return { problem: 'wrong-name', message: error.message };
  if (code === 'CERT_HAS_EXPIRED') {
    return { problem: 'expired', message: 'its certificate, or one that it descends from, has expired' };
  }
  if (code === 'CERT_NOT_YET_VALID') {
    return { problem: 'not-yet-valid', message: 'its certificate is not valid yet, by the clock here' };
  }
  if (code === 'CERT_REVOKED') {
    return { problem: 'revoked', message: 'its certificate, or one that it descends from, was revoked' };
  }
  const unknown = LIST_PROBLEMS[code];
  if (unknown !== undefined) {
    return {
      problem: 'revocation-unknown',
      message: `whether its certificate was revoked cannot be told: ${unknown}`,
    };
  }
  const untrusted = UNTRUSTED[code];
  if (untrusted !== undefined) {
    return { problem: 'untrusted', message: `its certificate is not trusted: ${untrusted}` };
  }
  // What Node has no code for, such as an authority whose key may not sign revocation lists.
  if (code === 'UNSPECIFIED') {
    return { problem: 'untrusted', message: `its certificate cannot be verified (${error.message})` };
  }
  if (NOT_TLS.has(code)) return { problem: 'no-tls', message: 'it does not speak TLS on this port' };
  return code.startsWith('ERR_SSL_') ? describeAlert(error, socket, showsCertificate) : undefined;
}

function describeAlert(
  error: NodeJS.ErrnoException & { readonly reason?: string },
  socket: Pick<TLSSocket, 'getPeerCertificate'>,
  showsCertificate: boolean,
): TlsFailure {
  const [, alert] = /_ALERT_(.+)$/.exec(error.code ?? '') ?? [];
  const refusal = alert === undefined ? undefined : CERTIFICATE_ALERTS[alert];
  const isAboutUs =
    alert === 'CERTIFICATE_REQUIRED' ||
    (refusal !== undefined && (alert !== 'DECRYPT_ERROR' || showsCertificate));
  // TLS 1.2 has one alert for everything; after the peer's own certificate, only ours can have displeased it.
  const hasAgreed = alert === 'HANDSHAKE_FAILURE' && hasShownCertificate(socket);
  if ((isAboutUs || hasAgreed) && !showsCertificate) {
    return { problem: 'certificate-wanted', message: 'it wants a client certificate' };
  }
  if (isAboutUs || hasAgreed) {
    const why = refusal === undefined ? '' : `: ${refusal}`;
    return { problem: 'certificate-refused', message: `it refuses our certificate${why}` };
  }
  const reason = error.reason ?? error.code ?? error.message;
  return {
    problem: 'handshake-failed',
    message: `the TLS handshake failed (${reason}): perhaps no version or cipher suite suits both`,
  };
}

function hasShownCertificate(socket: Pick<TLSSocket, 'getPeerCertificate'>): boolean {
  // Empty, or missing, where none was shown.
  const certificate = socket.getPeerCertificate() as Partial<PeerCertificate> | undefined;
  return certificate?.subject !== undefined;
}
