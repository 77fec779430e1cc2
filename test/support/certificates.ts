import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A certificate with its key, as PEM files. */
export interface IssuedCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A certificate authority in a temporary folder; its keys are fresh in each run. */
export interface CertificateAuthority extends IssuedCertificate {
  /** @param subject in OpenSSL's form: `/O=City/CN=ct1.example`. @param days may be negative, for one that expired. */
  issue(subject: string, days?: number): IssuedCertificate;
  remove(): void;
}

/** Whether openssl is there; says so on standard output where not. */
export function isOpensslInstalled(): boolean {
  if (spawnSync('openssl', ['version']).error === undefined) return true;
  process.stdout.write('not installed: openssl: the TLS tests are skipped\n');
  return false;
}

export function createAuthority(name = 'Test CA'): CertificateAuthority {
  const folder = mkdtempSync(path.join(tmpdir(), 'authority-'));
  const openssl = (argv: readonly string[]): unknown => execFileSync('openssl', argv, { stdio: 'pipe' });
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
    remove: () => rmSync(folder, { recursive: true }),
  };
}
