import { readFile } from 'node:fs/promises';

/** Where operating systems keep the authorities that their administrators trust, PEM. */
const BUNDLES = [
  // Debian, Ubuntu, Alpine, Arch
  '/etc/ssl/certs/ca-certificates.crt',
  // Fedora, RHEL and what comes of it
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  // SUSE
  '/etc/ssl/ca-bundle.pem',
  // macOS, BSD
  '/etc/ssl/cert.pem',
] as const;

/**
 * The certificate authorities that this machine trusts, PEM. Node brings a list of its own, which knows nothing of the
 * authority of a hospital.
 * @returns undefined where there is no such file: Node's list is then all there is.
 */
export async function systemAuthorities(): Promise<string | undefined> {
  for (const file of BUNDLES) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text !== '') return text;
  }
  return undefined;
}
