import { isLoopback } from '../../config/cross-checks.ts';
import { certificateExpiryAt } from '../../platform/certificate-expiry.ts';
import { createDaemonClient, networkFailure, urlHost } from '../daemon-client.ts';
import { judgeExpiry } from './certificates.ts';
import type { CheckContext, CheckResult } from './check.ts';

const TIMEOUT_MS = 10_000;

/** The public URL leads, through whatever stands in front, to the daemon's own listener. */
export async function checkPublicUrl({ config, now }: CheckContext): Promise<readonly CheckResult[]> {
  const { http, admin, alerts } = config;
  if (http.publicUrl === null) return [];
  const url = new URL(http.publicUrl);
  const certificate = url.protocol === 'https:' ? await certificateExpiryAt(url, TIMEOUT_MS) : undefined;
  const isRunning =
    admin.port !== 0 &&
    (await createDaemonClient({ url: `http://${urlHost(admin.host)}:${admin.port}` }).isAlive());
  return [
    isRunning
      ? await checkReachable(http.publicUrl)
      : {
          ...BASE,
          status: 'warning',
          detail: `${http.publicUrl} was not tried: the daemon does not run`,
          advice: 'Run "avara-ingest check" again once it is started.',
        },
    ...(certificate === undefined
      ? []
      : [
          judgeExpiry(
            { id: 'public-certificate', title: 'Certificate' },
            `of ${url.host}`,
            certificate,
            now(),
            alerts.certificateDays,
          ),
        ]),
  ];
}

const BASE = { id: 'public-url-reachable', title: 'Reachable' };

/** Asks for a path that only a daemon of ours refuses in its own words. */
async function checkReachable(publicUrl: string): Promise<CheckResult> {
  const hosts = isLoopback(new URL(publicUrl).hostname)
    ? ''
    : ' Some networks do not let a machine reach its own public address: then try from another one.';
  let response: Response;
  try {
    response = await fetch(`${publicUrl}/objects`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'manual',
    });
  } catch (error) {
    return {
      ...BASE,
      status: 'failed',
      detail: `${publicUrl} does not answer: ${networkFailure(error)}`,
      advice: `Check DNS, the reverse proxy or tunnel, its certificate and the firewall.${hosts}`,
    };
  }
  const body: unknown = await response.json().catch(() => undefined);
  const code = typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined;
  if (code === 'not-found') return { ...BASE, status: 'ok', detail: `${publicUrl} leads to the daemon` };
  return {
    ...BASE,
    status: 'failed',
    detail: `${publicUrl} answers (HTTP ${response.status}), but not the daemon`,
    advice:
      response.status >= 502 && response.status <= 504
        ? 'The reverse proxy does not reach the daemon: compare its target with http.host and http.port.'
        : 'Let the reverse proxy pass every path below the public URL to http.host and http.port.',
  };
}
