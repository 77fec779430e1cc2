import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { CheckContext, CheckResult } from './check.ts';
import { failureText } from './check.ts';

const DAY_MS = 86_400_000;

/** The certificates of our own listeners are good, and for some time. */
export async function checkCertificates({ config, now }: CheckContext): Promise<readonly CheckResult[]> {
  const { dimse, http, alerts } = config;
  const results = await Promise.all(
    Object.entries({ dimse: dimse.tls, http: http.tls }).flatMap(([listener, tls]) =>
      tls === null ? [] : [checkFiles(listener, tls, now(), alerts.certificateDays)],
    ),
  );
  return results;
}

async function checkFiles(
  listener: string,
  tls: { readonly cert: string; readonly key: string },
  now: number,
  warnDays: number,
): Promise<CheckResult> {
  const base = { id: `${listener}-certificate`, title: 'Certificate' };
  try {
    const certificate = new X509Certificate(await readFile(tls.cert));
    if (!certificate.checkPrivateKey(createPrivateKey(await readFile(tls.key)))) {
      return {
        ...base,
        status: 'failed',
        detail: `${tls.key} is not the key of ${tls.cert}`,
        advice: `Put the two that belong together under ${listener}.tls.`,
      };
    }
    return judgeExpiry(base, `of ${listener}`, Date.parse(certificate.validTo), now, warnDays);
  } catch (error) {
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
