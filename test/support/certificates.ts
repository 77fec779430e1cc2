import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A certificate with its key, as PEM files. */
export interface IssuedCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A certificate revocation list as a PEM file. */
export interface IssuedRevocationList {
  readonly file: string;
  readonly pem: string;
}

export interface RevocationListOptions {
  /** What is revoked; default: nothing. */
  readonly revoked?: readonly IssuedCertificate[];
  /** When it was made, days from now; default: an hour ago. */
  readonly sinceDays?: number;
  /** Until when it is good, days from now; default: 2. */
  readonly untilDays?: number;
}

/** A certificate authority in a temporary folder; its keys are fresh in each run. */
export interface CertificateAuthority extends IssuedCertificate {
  /** @param subject in OpenSSL's form: `/O=City/CN=ct1.example`. @param days may be negative, for one that expired. */
  issue(subject: string, days?: number): IssuedCertificate;
  /** An authority below this one, in a folder of its own. */
  issueAuthority(name: string): CertificateAuthority;
  /** The revocation list of this authority as of now; each has all that it revokes, whatever those before had. */
  issueRevocationList(options?: RevocationListOptions): IssuedRevocationList;
  remove(): void;
}

/** How a private key may be encrypted: PKCS #8, or what OpenSSL wrote before it. */
export type KeyEncryption = 'pkcs8' | 'traditional' | 'pkcs8-des';

/** Whether openssl is there; says so on standard output where not. */
export function isOpensslInstalled(): boolean {
  if (spawnSync('openssl', ['version']).error === undefined) return true;
  process.stdout.write('not installed: openssl: the TLS tests are skipped\n');
  return false;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const openssl = (argv: readonly string[]): unknown => execFileSync('openssl', argv, { stdio: 'pipe' });

/** The same certificate with its private key encrypted, in a file beside the one that is not. */
export function withEncryptedKey(
  certificate: IssuedCertificate,
  passphrase: string,
  encryption: KeyEncryption = 'pkcs8',
): IssuedCertificate {
  const keyFile = `${certificate.keyFile}.${encryption}`;
  const common = ['-in', certificate.keyFile, '-out', keyFile, '-passout', `pass:${passphrase}`];
  const commands: Readonly<Record<KeyEncryption, readonly string[]>> = {
    pkcs8: ['pkcs8', '-topk8', '-v2', 'aes-256-cbc'],
    traditional: ['ec', '-aes256'],
    'pkcs8-des': ['pkcs8', '-topk8', '-v1', 'PBE-MD5-DES', '-provider', 'legacy', '-provider', 'default'],
  };
  openssl([...commands[encryption], ...common]);
  return { ...certificate, keyFile, key: readFileSync(keyFile) };
}

/** @param parent what signs its certificate; default: itself. */
export function createAuthority(
  name = 'Test CA',
  parent?: Pick<IssuedCertificate, 'certFile' | 'keyFile'>,
): CertificateAuthority {
  const folder = mkdtempSync(path.join(tmpdir(), 'authority-'));
  let issued = 0;
  const names = (): { certFile: string; keyFile: string } => {
    issued += 1;
    return { certFile: path.join(folder, `${issued}.pem`), keyFile: path.join(folder, `${issued}.key`) };
  };
  const read = (files: { certFile: string; keyFile: string }): IssuedCertificate => ({
    ...files,
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
  });
  const newKey = (file: string): string[] => [
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file],
  ];
  const root = names();
  if (parent === undefined) {
    openssl([
      'req',
      '-x509',
      ...newKey(root.keyFile),
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-out',
      root.certFile,
    ]);
  } else {
    const request = `${root.certFile}.csr`;
    const extensions = `${root.certFile}.cnf`;
    writeFileSync(extensions, 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n');
    openssl(['req', '-new', ...newKey(root.keyFile), '-subj', `/CN=${name}`, '-out', request]);
    const signed = ['-CA', parent.certFile, '-CAkey', parent.keyFile, '-set_serial', String(Date.now())];
    openssl([
      ...['x509', '-req', '-in', request, ...signed, '-days', '2', '-extfile', extensions],
      ...['-out', root.certFile],
    ]);
  }

  return {
    ...read(root),
    issue(subject, days = 2) {
      const files = names();
      const request = `${files.certFile}.csr`;
      openssl(['req', '-new', ...newKey(files.keyFile), '-subj', subject, '-out', request]);
      const signed = ['-CA', root.certFile, '-CAkey', root.keyFile, '-set_serial', String(issued)];
      openssl(['x509', '-req', '-in', request, ...signed, '-days', String(days), '-out', files.certFile]);
      return read(files);
    },
    issueAuthority: (below) => createAuthority(below, root),
    issueRevocationList({ revoked = [], sinceDays = -HOUR_MS / DAY_MS, untilDays = 2 } = {}) {
      issued += 1;
      // "openssl ca" keeps what it revoked in a database; each list gets one of its own.
      const database = path.join(folder, `revoked-${issued}`);
      mkdirSync(database);
      const at = (file: string): string => path.join(database, file);
      writeFileSync(at('index.txt'), '');
      writeFileSync(at('number'), '01\n');
      writeFileSync(
        at('ca.cnf'),
        [
          '[ca]',
          'default_ca=own',
          '[own]',
          'default_md=sha256',
          `database=${at('index.txt')}`,
          `crlnumber=${at('number')}`,
          '',
        ].join('\n'),
      );
      const authority = ['ca', '-config', at('ca.cnf'), '-cert', root.certFile, '-keyfile', root.keyFile];
      for (const { certFile } of revoked) openssl([...authority, '-revoke', certFile]);
      const file = at('list.pem');
      const time = (days: number): string =>
        new Date(Date.now() + days * DAY_MS).toISOString().replace(/[-:T]|\.\d+/g, '');
      openssl([
        ...[...authority, '-gencrl', '-crl_lastupdate', time(sinceDays), '-crl_nextupdate', time(untilDays)],
        ...['-out', file],
      ]);
      return { file, pem: readFileSync(file, 'utf8') };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
