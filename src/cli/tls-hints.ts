import type { TlsProblem } from '../dimse/scu/tls-failure.ts';

/** What to do about TLS that failed, in options of the command line. */
export const TLS_HINTS: Readonly<Record<TlsProblem, string>> = {
  untrusted:
    'give the authority that signed it, or the certificate itself where it is self-signed, with --ca ("ca" in the configuration); "openssl s_client -showcerts -connect HOST:PORT" shows it',
  expired: 'the peer’s certificate has to be renewed there; if it is good, set the clock of this machine',
  revoked: 'do not send to it before its authority has issued it another certificate; ask who runs the peer',
  'revocation-unknown':
    'give the current revocation list of every authority in its chain, the root’s too, with --crl ("crl" in the configuration); "openssl crl -text -in FILE" shows whose a list is, and until when',
  'not-yet-valid': 'set the clock of this machine, or that of the machine that made the certificate',
  'wrong-name':
    'if it is the right peer, name what its certificate says with --server-name ("serverName" in the configuration)',
  'certificate-wanted':
    'give one that the peer trusts with --cert and --key ("cert" and "key" in the configuration)',
  'certificate-refused':
    'the peer has to trust the authority of the certificate given with --cert, or needs another one',
  'handshake-failed':
    'the peer must speak TLS 1.2 or 1.3 with a cipher suite of BCP 195 (docs/dicom-conformance.md)',
  'no-tls': 'leave --tls out ("tls" in the configuration), or try the peer’s port for TLS, often 2762',
  'tls-only': 'add --tls ("tls" in the configuration)',
  'own-files':
    'certificates, keys, authorities and revocation lists are files in PEM; an encrypted key needs --key-passphrase ("keyPassphrase" in the configuration)',
};
