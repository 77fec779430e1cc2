import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createClientAddressOf, isLoopbackAddress } from './client-address.ts';

const request = (remoteAddress: string | undefined, forwardedFor?: string) =>
  ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwardedFor } }) as unknown as IncomingMessage;

describe('client address', () => {
  it.each([
    { from: '203.0.113.9', forwardedFor: '1.2.3.4', trust: [], client: '203.0.113.9' },
    { from: '203.0.113.9', forwardedFor: '1.2.3.4', trust: ['10.0.0.0/8'], client: '203.0.113.9' },
    { from: '10.1.1.1', forwardedFor: '1.2.3.4', trust: ['10.0.0.0/8'], client: '1.2.3.4' },
    { from: '10.1.1.1', forwardedFor: '6.6.6.6, 1.2.3.4', trust: ['10.0.0.0/8'], client: '1.2.3.4' },
    { from: '10.1.1.1', forwardedFor: '1.2.3.4, 10.2.2.2', trust: ['10.0.0.0/8'], client: '1.2.3.4' },
    { from: '10.1.1.1', forwardedFor: '1.2.3.4, junk', trust: ['10.0.0.0/8'], client: '10.1.1.1' },
    { from: '10.1.1.1', forwardedFor: '1.2.3.4:5555', trust: ['10.1.1.1'], client: '1.2.3.4' },
    {
      from: '::ffff:10.1.1.1',
      forwardedFor: '[2001:db8::1]:443',
      trust: ['10.1.1.1'],
      client: '2001:db8::1',
    },
    { from: 'fd00::1', forwardedFor: '2001:db8::1', trust: ['fd00::/8'], client: '2001:db8::1' },
    { from: '10.1.1.1', forwardedFor: undefined, trust: ['10.1.1.1'], client: '10.1.1.1' },
    { from: '10.1.1.1', forwardedFor: '127.1', trust: ['10.1.1.1'], client: '10.1.1.1' },
  ])('$forwardedFor by $from, trusting $trust, is $client', ({ from, forwardedFor, trust, client }) => {
    expect(createClientAddressOf(trust)(request(from, forwardedFor))).toBe(client);
  });

  it('is unknown once the connection is gone', () => {
    expect(createClientAddressOf(['10.0.0.0/8'])(request(undefined))).toBeUndefined();
  });

  it('refuses to trust what is no address', () => {
    expect(() => createClientAddressOf(['proxy.example.org'])).toThrow(RangeError);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['10.0.0.1', false],
    ['evil.example', false],
    ['', false],
  ])('%s is loopback: %s', (text, isLoopback) => {
    expect(isLoopbackAddress(text)).toBe(isLoopback);
  });
});
