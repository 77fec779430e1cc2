import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Finds the IP address of a request's client; undefined once its connection is gone. */
export type ClientAddressOf = (incoming: IncomingMessage) => string | undefined;

/**
 * Believes X-Forwarded-For as far as it was written by trusted proxies: from the right, the first address that is none
 * of them is the client. Whatever stands left of it may be made up.
 * @param trustProxy addresses and CIDR blocks. @throws RangeError for anything else.
 */
export function createClientAddressOf(trustProxy: readonly string[]): ClientAddressOf {
  const ranges = trustProxy.map(parseRange);
  const isTrusted = (address: ipaddr.IPv4 | ipaddr.IPv6): boolean => isWithin(address, ranges);

  /** Of connections, as text: requests over one need not parse it again. */
  const untrusted = new WeakMap<IncomingMessage['socket'], string>();

  return function clientAddressOf(incoming) {
    const known = untrusted.get(incoming.socket);
    if (known !== undefined && incoming.socket.remoteAddress !== undefined) return known;
    const direct = parseAddress(incoming.socket.remoteAddress ?? '');
    if (direct === undefined) return undefined;
    if (ranges.length === 0 || !isTrusted(direct)) {
      const text = direct.toString();
      untrusted.set(incoming.socket, text);
      return text;
    }
    const forwarded = incoming.headers['x-forwarded-for'];
    const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',').reverse();
    let client = direct;
    for (const hop of hops) {
      const address = parseAddress(hop.trim());
      if (address === undefined) break;
      client = address;
      if (!isTrusted(address)) break;
    }
    return client.toString();
  };
}

/**
 * Makes a test of whether a connection comes from a trusted proxy.
 * @param trustProxy addresses and CIDR blocks. @throws RangeError for anything else.
 */
export function createIsTrustedProxy(trustProxy: readonly string[]): (incoming: IncomingMessage) => boolean {
  const ranges = trustProxy.map(parseRange);
  if (ranges.length === 0) return () => false;
  return (incoming) => {
    const direct = parseAddress(incoming.socket.remoteAddress ?? '');
    return direct !== undefined && isWithin(direct, ranges);
  };
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, ranges: readonly Range[]): boolean {
  return ranges.some((range) => range[0].kind() === address.kind() && address.match(range));
}

/** Whether the address is this machine's own loopback, also as IPv4 mapped into IPv6. */
export function isLoopbackAddress(text: string): boolean {
  return parseAddress(text)?.range() === 'loopback';
}

/** An IPv4 address mapped into IPv6 becomes plain IPv4; a zone index and a port (as some proxies add) are dropped. */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? text.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  const address = bare.replace(/%.*$/, '');
  // The parser also takes `1`, `0x7f.1` and the like for IPv4; those are no addresses that a proxy writes.
  if (!address.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(address)) return undefined;
  return ipaddr.isValid(address) ? ipaddr.process(address) : undefined;
}

function parseRange(text: string): Range {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  const address = parseAddress(text);
  if (address === undefined)
    throw new RangeError(`trusted proxy must be an IP address or CIDR block: ${text}`);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
