import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { createForwardedOriginOf } from './forwarded-origin.ts';

const originOf = (from: string, headers: Record<string, string>, trust: readonly string[] = ['10.0.0.0/8']) =>
  createForwardedOriginOf(trust)({ socket: { remoteAddress: from }, headers } as unknown as IncomingMessage);

it.each([
  [{ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'images.example.org' }, 'https://images.example.org'],
  [
    { 'x-forwarded-proto': 'HTTPS', 'x-forwarded-host': 'IMAGES.example.org:8443' },
    'https://images.example.org:8443',
  ],
  [{ 'x-forwarded-proto': 'https', host: '[2001:db8::1]:8080' }, 'https://[2001:db8::1]:8080'],
  // What stands left of the last entry may be the client's own.
  [
    { 'x-forwarded-proto': 'http, https', 'x-forwarded-host': 'evil.example, a.example' },
    'https://a.example',
  ],
])('takes %j of a trusted proxy for %s', (headers, expected) => {
  expect(originOf('10.1.1.1', headers)).toBe(expected);
});

it.each([
  { 'x-forwarded-host': 'images.example.org' },
  { 'x-forwarded-proto': 'javascript', 'x-forwarded-host': 'images.example.org' },
  { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'images.example.org/path' },
  { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'user@images.example.org' },
  { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a b' },
  { 'x-forwarded-proto': 'https', 'x-forwarded-host': '-' },
  { 'x-forwarded-proto': 'https', 'x-forwarded-host': '' },
])('makes nothing of %j', (headers) => {
  expect(originOf('10.1.1.1', headers)).toBeUndefined();
});

it('believes nobody else', () => {
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example' };
  expect(originOf('203.0.113.9', headers)).toBeUndefined();
  expect(originOf('127.0.0.1', headers, [])).toBeUndefined();
});
