import type { IncomingMessage } from 'node:http';
import { createIsTrustedProxy } from './client-address.ts';

/** A host name, an IPv4 address or an IPv6 address in brackets, perhaps with a port (RFC 3986 3.2.2). */
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/**
 * Makes the reading of X-Forwarded-Proto and X-Forwarded-Host, which are believed of trusted proxies alone: anybody else
 * could have links made that lead elsewhere. Of a list the last entry counts, which the proxy next to us wrote.
 * @returns scheme and host that the client used; undefined where no trusted proxy tells of them.
 */
export function createForwardedOriginOf(
  trustProxy: readonly string[],
): (incoming: IncomingMessage) => string | undefined {
  const isTrusted = createIsTrustedProxy(trustProxy);
  return function forwardedOriginOf(incoming) {
    if (!isTrusted(incoming)) return undefined;
    const scheme = lastOf(incoming.headers['x-forwarded-proto'])?.toLowerCase();
    const host = lastOf(incoming.headers['x-forwarded-host']) ?? incoming.headers.host;
    if ((scheme !== 'http' && scheme !== 'https') || host === undefined || !HOST.test(host)) return undefined;
    return `${scheme}://${host.toLowerCase()}`;
  };
}

function lastOf(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(',') : header;
  return text?.split(',').at(-1)?.trim();
}
