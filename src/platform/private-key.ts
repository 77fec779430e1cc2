import { createPrivateKey } from 'node:crypto';

/** Something that is not seen by accident, such as a `Secret` of the configuration. */
export interface Passphrase {
  /** The passphrase itself. */
  reveal(): string;
}

/** Why an encrypted private key cannot be opened. */
export type PrivateKeyProblem = 'passphrase-missing' | 'passphrase-wrong' | 'encryption-unsupported';

const MESSAGES: Readonly<Record<PrivateKeyProblem, string>> = {
  'passphrase-missing': 'the private key is encrypted, and no passphrase is given',
  'passphrase-wrong': 'the passphrase is not that of the private key, or the key is damaged',
  'encryption-unsupported':
    'the private key is encrypted by an outdated method that is not supported; encrypt it again with AES (openssl pkcs8 -topk8 -v2 aes-256-cbc)',
};

/** An encrypted private key that cannot be opened. */
export class PrivateKeyError extends Error {
  override readonly name = 'PrivateKeyError';
  readonly problem: PrivateKeyProblem;

  constructor(problem: PrivateKeyProblem, options?: ErrorOptions) {
    super(MESSAGES[problem], options);
    this.problem = problem;
  }
}

/** PKCS #8 (RFC 7468 section 11), and the form of RFC 1421 that OpenSSL wrote before. */
const ENCRYPTED = /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4, *ENCRYPTED/m;

/**
 * Opens a private key that may be encrypted, so that whatever uses it needs no passphrase.
 * @param pem private key, PEM.
 * @param passphrase of no matter where the key is not encrypted.
 * @returns the key as it is where it is not encrypted; else in PKCS #8, PEM, no longer encrypted: never to be written.
 * @throws PrivateKeyError where it is encrypted and cannot be opened.
 */
export function openPrivateKey(pem: Buffer | string, passphrase: Passphrase | undefined): Buffer | string {
  if (!ENCRYPTED.test(pem.toString())) return pem;
  if (passphrase === undefined) throw new PrivateKeyError('passphrase-missing');
  try {
    const key = createPrivateKey({ key: pem, passphrase: passphrase.reveal() });
    return key.export({ type: 'pkcs8', format: 'pem' });
  } catch (error) {
    // A wrong passphrase is often, and by chance not always, noticed by the padding; then it is the key that makes no sense.
    const isUnsupported = (error as NodeJS.ErrnoException).code === 'ERR_OSSL_EVP_UNSUPPORTED';
    throw new PrivateKeyError(isUnsupported ? 'encryption-unsupported' : 'passphrase-wrong', {
      cause: error,
    });
  }
}
