import { isLoopback } from '../../config/cross-checks.ts';
import type { CheckContext, CheckResult } from './check.ts';

/** A clock before this is wrong, whatever else: the program is newer. */
const EARLIEST_TIME = Date.parse('2025-01-01T00:00:00Z');

/** Images can come in, can be fetched from outside, and the clock is believable. */
export function checkSetup({ config, now }: CheckContext): Promise<readonly CheckResult[]> {
  return Promise.resolve([checkIntake(config), checkPublicUrl(config), checkClock(now())]);
}

function checkIntake({ customers, routes, folders }: CheckContext['config']): CheckResult {
  const base = { id: 'intake', title: 'Intake' };
  const unused = Object.keys(customers).filter(
    (key) => ![...routes, ...folders].some(({ customer }) => customer === key),
  );
  const counts = [plural(customers, 'customer'), plural(routes, 'route'), plural(folders, 'folder')].join(
    ', ',
  );
  if (unused.length === 0) return { ...base, status: 'ok', detail: counts };
  return {
    ...base,
    status: 'warning',
    detail: `${counts}; no route or folder leads to ${unused.join(', ')}`,
    advice: 'Add a route, unless images of these customers only come by STOW-RS or import.',
  };
}

function checkPublicUrl({ http }: CheckContext['config']): CheckResult {
  const base = { id: 'public-url', title: 'Public URL' };
  if (http.publicUrl === null) {
    return {
      ...base,
      status: 'warning',
      detail: 'http.publicUrl is not set: viewers on other machines cannot fetch images',
      advice: 'Set it to the https:// address under which viewers reach this daemon.',
    };
  }
  const { protocol, hostname } = new URL(http.publicUrl);
  if (protocol === 'https:' || isLoopback(hostname)) {
    return { ...base, status: 'ok', detail: http.publicUrl };
  }
  return {
    ...base,
    status: 'warning',
    detail: `${http.publicUrl} is not encrypted`,
    advice:
      'Put a reverse proxy with a certificate in front, or set http.tls; browsers refuse plain http from the viewer.',
  };
}

function checkClock(now: number): CheckResult {
  const base = { id: 'clock', title: 'Clock' };
  const time = new Date(now).toISOString();
  return now >= EARLIEST_TIME
    ? { ...base, status: 'ok', detail: `${time.slice(0, 19).replace('T', ' ')} UTC` }
    : {
        ...base,
        status: 'failed',
        detail: `${time} is in the past`,
        advice: 'Set the clock and keep it right with NTP: webhooks and object URLs depend on it.',
      };
}

function plural(items: object, noun: string): string {
  const count = Array.isArray(items) ? items.length : Object.keys(items).length;
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
