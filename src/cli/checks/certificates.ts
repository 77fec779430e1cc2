import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { SyslogConfig } from '../../config/config.ts';
import type { PeerTlsSetting } from '../../config/peer-tls-settings.ts';
import { peerTlsSettings } from '../../config/peer-tls-settings.ts';
import { prepareTls, TlsFilesError } from '../../dimse/scu/peer-tls.ts';
import { openPrivateKey, type Passphrase, PrivateKeyError } from '../../platform/private-key.ts';
import type { CheckContext, CheckResult } from './check.ts';
import { failureText } from './check.ts';
import { checkRevocationLists } from './revocation-lists.ts';

const DAY_MS = 86_400_000;

/** The certificates that we show, as listener and as client, are good, and for some time; and so are revocation lists. */
export async function checkCertificates({ config, now }: CheckContext): Promise<readonly CheckResult[]> {
  const { dimse, http, alerts, audit } = config;
  const peers = peerTlsSettings(config);
  const syslog = audit.syslog?.transport === 'tls' ? audit.syslog : null;
  const results = await Promise.all([
    ...Object.entries({ dimse: dimse.tls, http: http.tls }).flatMap(([listener, tls]) =>
      tls === null ? [] : [checkFiles(listener, tls, now(), alerts.certificateDays)],
    ),
    ...peers.map((peer) => checkPeer(peer, now(), alerts.certificateDays)),
    ...(syslog === null ? [] : [checkSyslog(syslog, now(), alerts.certificateDays)]),
  ]);
  const revocation = await Promise.all(
    [
      ...(dimse.tls === null ? [] : [{ path: 'dimse.tls', ...dimse.tls }]),
      ...peers.map(({ path, tls }) => ({ path, ...tls })),
      ...(syslog === null ? [] : [{ path: 'audit.syslog', ...syslog }]),
    ].map((settings) => checkRevocationLists(settings, now())),
  );
  return [...results, ...revocation.flat()];
}

/** What a peer is spoken to with over TLS: our certificate, and the authorities that its own is verified by. */
async function checkPeer(
  { path, aeTitle, tls }: PeerTlsSetting,
  now: number,
  warnDays: number,
): Promise<CheckResult> {
  const base = { id: 'peer-tls', title: 'Peer' };
  try {
    await prepareTls('', tls);
  } catch (error) {
    if (!(error instanceof TlsFilesError)) throw error;
    return {
      ...base,
      status: 'failed',
      detail: `${aeTitle} (TLS): ${error.message}`,
      advice: `Check the PEM files under ${path}: the certificate chain, its private key with "keyPassphrase" where it is encrypted, "ca" and "crl".`,
    };
  }
  if (tls.cert === undefined) {
    const authorities = tls.ca ?? 'the authorities that this machine trusts';
    return { ...base, status: 'ok', detail: `${aeTitle} (TLS): verified by ${authorities}` };
  }
  const { validTo } = new X509Certificate(await readFile(tls.cert));
  return judgeExpiry(base, `our certificate for ${aeTitle}`, Date.parse(validTo), now, warnDays);
}

/** What the audit record repository is spoken to with over TLS; its own certificate is verified with each connection. */
async function checkSyslog(
  { ca, cert, key, keyPassphrase }: SyslogConfig,
  now: number,
  warnDays: number,
): Promise<CheckResult> {
  if (cert !== undefined && key !== undefined) {
    return checkFiles('syslog', { cert, key, keyPassphrase }, now, warnDays);
  }
  const detail = `the repository (TLS): verified by ${ca ?? 'the authorities that Node trusts'}`;
  return { id: 'syslog-certificate', title: 'Certificate', status: 'ok', detail };
}

async function checkFiles(
  listener: string,
  tls: { readonly cert: string; readonly key: string; readonly keyPassphrase?: Passphrase | undefined },
  now: number,
  warnDays: number,
): Promise<CheckResult> {
  const base = { id: `${listener}-certificate`, title: 'Certificate' };
  const settings = listener === 'syslog' ? 'audit.syslog' : `${listener}.tls`;
  try {
    const certificate = new X509Certificate(await readFile(tls.cert));
    const key = openPrivateKey(await readFile(tls.key), tls.keyPassphrase);
    if (!certificate.checkPrivateKey(createPrivateKey(key))) {
      return {
        ...base,
        status: 'failed',
        detail: `${tls.key} is not the key of ${tls.cert}`,
        advice: `Put the two that belong together under ${settings}.`,
      };
    }
    return judgeExpiry(base, `of ${listener}`, Date.parse(certificate.validTo), now, warnDays);
  } catch (error) {
    if (error instanceof PrivateKeyError) {
      return {
        ...base,
        status: 'failed',
        detail: `${tls.key} cannot be used: ${error.message}`,
        advice: `Set ${settings}.keyPassphrase to its passphrase; "openssl pkey -noout -in ${tls.key}" asks for it.`,
      };
    }
    return {
      ...base,
      status: 'failed',
      detail: `of ${listener}: ${tls.cert} cannot be used (${failureText(error)})`,
      advice: 'It must be a certificate chain in PEM, with its private key in a file of its own.',
    };
  }
}

/** A line about when a certificate expires. @param whose `of dimse`. */
export function judgeExpiry(
  base: Pick<CheckResult, 'id' | 'title'>,
  whose: string,
  expiresAt: number,
  now: number,
  warnDays: number,
): CheckResult {
  const days = Math.floor((expiresAt - now) / DAY_MS);
  const until = new Date(expiresAt).toISOString().slice(0, 10);
  if (days < 0) {
    return {
      ...base,
      status: 'failed',
      detail: `${whose}: expired on ${until}`,
      advice: 'Renew it; peers refuse it.',
    };
  }
  const detail = `${whose}: good until ${until} (${days} days)`;
  return days < warnDays
    ? { ...base, status: 'warning', detail, advice: 'Renew it, and see that renewal happens by itself.' }
    : { ...base, status: 'ok', detail };
}
