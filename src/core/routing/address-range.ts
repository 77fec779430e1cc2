import ipaddr from 'ipaddr.js';

type IpAddress = ipaddr.IPv4 | ipaddr.IPv6;

/** An address block. IPv4-mapped IPv6 (`::ffff:10.0.0.0/104`) is kept as the IPv4 block it stands for. */
export interface AddressRange {
  /** As written. */
  readonly text: string;
  readonly network: IpAddress;
  readonly prefixLength: number;
  /** Bits that are left free: 0 for a single address. Compares blocks of IPv4 and IPv6 by size. */
  readonly hostBits: number;
}

/** Bits that an IPv4-mapped IPv6 address has before the IPv4 address, RFC 4291 2.5.5.2. */
const MAPPED_PREFIX_BITS = 96;

/** Reads an address or CIDR block. @throws RangeError for anything else. */
export function parseAddressRange(text: string): AddressRange {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  const parsed = parseIpAddress(addressText);
  const isPrefix = prefixText === undefined || /^\d{1,3}$/.test(prefixText);
  if (parsed === undefined || !isPrefix || rest.length > 0)
    throw new RangeError(`not an address block: ${text}`);
  const isMapped = parsed.kind() === 'ipv4' && addressText.includes(':');
  const bits = parsed.kind() === 'ipv4' ? 32 : 128;
  const prefixLength =
    prefixText === undefined ? bits : Number(prefixText) - (isMapped ? MAPPED_PREFIX_BITS : 0);
  if (prefixLength < 0 || prefixLength > bits) throw new RangeError(`prefix length out of range: ${text}`);
  return { text, network: parsed, prefixLength, hostBits: bits - prefixLength };
}

/** Reads an IP address; an IPv4-mapped IPv6 address becomes IPv4, a zone index is dropped. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  const withoutZone = text.replace(/%.*$/, '');
  if (!withoutZone.includes(':') || !ipaddr.IPv6.isValid(withoutZone)) return undefined;
  const address = ipaddr.IPv6.parse(withoutZone);
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

export function isInRange(address: IpAddress, range: AddressRange): boolean {
  return address.kind() === range.network.kind() && address.match(range.network, range.prefixLength);
}
