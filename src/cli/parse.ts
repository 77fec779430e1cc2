import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { parseCustomerKey } from '../core/study/instance.ts';
import { parseAeTitle } from '../dicom/ae-title.ts';
import { parseUid } from '../dicom/uid.ts';

/** Parsers of arguments and options; each throws commander's InvalidArgumentError with what is allowed. */

export function parseAeTitleArgument(text: string): string {
  const title = parseAeTitle(text);
  if (title === undefined)
    throw new InvalidArgumentError('An AE title has 1 to 16 printable ASCII characters.');
  return title;
}

export function parseUidArgument(text: string): string {
  const uid = parseUid(text);
  if (uid === undefined)
    throw new InvalidArgumentError('A UID has at most 64 digits and dots, as 1.2.840.1.');
  return uid;
}

export function parseProductArgument(text: string): string {
  if (text !== 'viewer' && text !== 'autoScribe')
    throw new InvalidArgumentError('Give viewer or autoScribe.');
  return text;
}

export function parseUserArgument(text: string): string {
  if (!/^usr_[0-9a-fA-F]{32}$/.test(text))
    throw new InvalidArgumentError('An Avara user is usr_ and 32 hexadecimal digits.');
  return text;
}

/** `name=value`, gathered over repetitions. */
export function parsePairArgument(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give name=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

export function parseCustomerArgument(text: string): string {
  const key = parseCustomerKey(text);
  if (key === undefined) throw new InvalidArgumentError('Give the customer’s key in the configuration.');
  return key;
}

export function parseAddressArgument(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('Give an IP address, IPv4 or IPv6.');
  return text;
}

export function parsePortArgument(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('A port is a number up to 65535.');
  return port;
}

export function parseUrlArgument(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw new InvalidArgumentError('Give a URL such as http://127.0.0.1:8081.');
  }
  return text;
}

export function parseSecondsArgument(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 3600)) throw new InvalidArgumentError('Give seconds, up to 3600.');
  return seconds;
}

export function parseLimitArgument(text: string): number {
  const limit = Number(text);
  if (!/^\d{1,4}$/.test(text) || limit < 1 || limit > 1000) {
    throw new InvalidArgumentError('Give a number from 1 to 1000.');
  }
  return limit;
}

export function parseAssociationsArgument(text: string): number {
  const count = Number(text);
  if (!/^\d{1,2}$/.test(text) || count < 1 || count > 32) {
    throw new InvalidArgumentError('Give a number from 1 to 32.');
  }
  return count;
}

/** A SHA-256 in hexadecimal. */
export function parseHashArgument(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new InvalidArgumentError('Give 64 hexadecimal digits.');
  return text.toLowerCase();
}

/** A moment, or how long ago it was. @returns ISO 8601 in UTC. */
export function parseMomentArgument(text: string): string {
  const [, amount, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit];
  const at =
    amount !== undefined && unitMs !== undefined ? Date.now() - Number(amount) * unitMs : Date.parse(text);
  if (Number.isNaN(at)) throw new InvalidArgumentError('Give a date, a time, or how long ago, as 24h.');
  return new Date(at).toISOString();
}

/** `HOST:PORT`; IPv6 in brackets. */
export function parseHostPortArgument(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || port === undefined || Number(port) > 65_535 || Number(port) === 0) {
    throw new InvalidArgumentError('Give HOST:PORT, as 10.20.1.5:104 or [fd00::5]:104.');
  }
  return { host, port: Number(port) };
}

/** A time as ISO 8601, or how long ago it was: `90m`, `12h`, `7d`. @returns ISO 8601. */
export function parseSinceArgument(text: string): string {
  const [, amount, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (amount !== undefined) {
    const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as 'm' | 'h' | 'd'];
    return new Date(Date.now() - Number(amount) * unitMs).toISOString();
  }
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError('Give a time, as 2026-03-01 or 2026-03-01T12:00Z, or 12h, 7d.');
  return new Date(at).toISOString();
}

/** `500k`, `20M`, `1G`: bytes per second, in powers of 1000. */
export function parseRateArgument(text: string): number {
  const [, amount, unit = ''] = /^(\d{1,9}(?:\.\d+)?)([kMG]?)$/.exec(text) ?? [];
  const rate = Number(amount) * { '': 1, k: 1e3, M: 1e6, G: 1e9 }[unit as '' | 'k' | 'M' | 'G'];
  if (!(rate >= 1)) throw new InvalidArgumentError('Give bytes per second, as 500k or 20M.');
  return rate;
}
