import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { ConnectionOptions, PeerCertificate, SecureContext } from 'node:tls';

import { openPrivateKey, PrivateKeyError } from '../../platform/private-key.ts';
import type { Passphrase } from '../../platform/private-key.ts';
import { readRevocationLists, RevocationListError } from '../../platform/revocation-list.ts';
import { systemAuthorities } from '../../platform/system-authorities.ts';
import { createTlsContext } from '../tls.ts';
import type { TlsMaterial } from '../tls.ts';
import { PeerNameError } from './tls-failure.ts';

/** How a peer is spoken to over TLS. Files are PEM and read for each connection, so that renewed ones count at once. */
export interface PeerTls {
  /** What the peer's certificate must descend from, or be; default: the authorities that this machine trusts. */
  readonly ca?: string | undefined;
  /** Certificate chain to show, for peers that want one; with {@link key}. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Of {@link key}, where that is encrypted. */
  readonly keyPassphrase?: Passphrase | undefined;
  /** Revocation lists; with any, one of every authority in the peer's chain is needed. Default: nothing is taken for revoked. */
  readonly crl?: readonly string[] | undefined;
  /** Name that the peer's certificate must have; default: the host that is connected to. */
  readonly serverName?: string | undefined;
}

/** {@link PeerTls} with its files read. */
export interface PreparedTls {
  readonly options: ConnectionOptions;
  readonly showsCertificate: boolean;
}

/** Certificate, key, authorities or revocation lists cannot be used. */
export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
}

/** Contexts that are kept: with the authorities of a whole operating system, one takes tens of milliseconds to make. */
const MAX_CONTEXTS = 16;
const contexts = new Map<string, SecureContext>();

/**
 * Reads the files for a connection to a host. The peer's certificate is always verified, and so is that it is the peer's.
 * @throws TlsFilesError
 */
export async function prepareTls(host: string, tls: PeerTls): Promise<PreparedTls> {
  const [ca = await systemAuthorities(), cert, key, crl] = await Promise.all([
    readPem(tls.ca),
    readPem(tls.cert),
    readPem(tls.key),
    Promise.all((tls.crl ?? []).map(readLists)),
  ]);
  const expected = tls.serverName ?? host;
  return {
    showsCertificate: cert !== undefined,
    options: {
      secureContext: contextOf(
        {
          ...(ca !== undefined && { ca }),
          ...(cert !== undefined && { cert }),
          ...(key !== undefined && { key }),
          crl: crl.flat(),
        },
        tls,
      ),
      rejectUnauthorized: true,
      checkServerIdentity: (_, certificate) => checkPeerName(expected, certificate),
      // RFC 6066 section 3: a DNS name and nothing else.
      ...(isIP(expected) === 0 && /^[\w.-]+$/.test(expected) && { servername: expected }),
    },
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new TlsFilesError(`${file} cannot be read (${codeOf(error)})`, { cause: error });
  }
}

async function readPem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readText(file);
  // OpenSSL passes over what is no PEM without a word, and nothing would be trusted.
  if (!text.includes('-----BEGIN ')) throw new TlsFilesError(`${file} holds nothing in PEM`);
  return text;
}

/** The lists of a file, each alone. */
async function readLists(file: string): Promise<readonly string[]> {
  const text = await readText(file);
  try {
    return readRevocationLists(text).map(({ pem }) => pem);
  } catch (error) {
    if (!(error instanceof RevocationListError)) throw error;
    throw new TlsFilesError(`${file} holds ${error.message}`, { cause: error });
  }
}

/** @param material with the key as it is in its file: opening one may take long, and is done once. */
function contextOf(material: Partial<TlsMaterial>, files: PeerTls): SecureContext {
  const { ca, cert, key, crl } = material;
  const name = createHash('sha256')
    .update(JSON.stringify([ca, cert, key, crl, files.keyPassphrase?.reveal()]))
    .digest('base64');
  const known = contexts.get(name);
  if (known !== undefined) return known;
  let context: SecureContext;
  try {
    // A self-signed certificate of a device, or an intermediate authority, may be all that there is to trust.
    context = createTlsContext(
      { ...material, ...(key !== undefined && { key: openPrivateKey(key, files.keyPassphrase) }) },
      { allowPartialTrustChain: true },
    );
  } catch (error) {
    if (error instanceof PrivateKeyError) {
      throw new TlsFilesError(`${files.key} cannot be used: ${error.message}`, { cause: error });
    }
    const named = [files.cert, files.key, files.ca, ...(files.crl ?? [])]
      .filter((file) => file !== undefined)
      .join(', ');
    const reason = (error as { reason?: string }).reason ?? codeOf(error);
    throw new TlsFilesError(`${named} cannot be used (${reason})`, { cause: error });
  }
  const [oldest] = contexts.keys();
  if (contexts.size >= MAX_CONTEXTS && oldest !== undefined) contexts.delete(oldest);
  contexts.set(name, context);
  return context;
}

/**
 * Whether a certificate is that of who is expected (RFC 9525). Certificates of devices often have a Common Name that is no
 * host name, and no alternative names; such a one must be met to the letter.
 */
export function checkPeerName(expected: string, certificate: PeerCertificate): Error | undefined {
  const mismatch = checkServerIdentity(expected, certificate);
  if (mismatch === undefined) return undefined;
  const commonNames = [certificate.subject.CN].flat();
  if (certificate.subjectaltname === undefined && commonNames.includes(expected)) return undefined;
  return new PeerNameError(`its certificate is for ${namesOf(certificate)}, not for ${expected}`);
}

/** At most so much is repeated of what a stranger wrote. */
const MAX_NAMES_LENGTH = 200;

function namesOf({ subject, subjectaltname }: PeerCertificate): string {
  const names = subjectaltname?.replace(/\b(?:DNS|IP Address):/g, '') ?? [subject.CN].flat().join(', ');
  const shown = names.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_NAMES_LENGTH);
  return shown === '' ? 'nobody in particular' : shown;
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
