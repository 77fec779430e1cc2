import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { restartOnlyChanges } from './reload.ts';
import { reloadDifference } from './reload-difference.ts';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(path.join(tmpdir(), 'reload-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const BASE = {
  avara: { apiKey: 'sk_live_11111111', webhookSecret: 'whsec_11111111' },
  customers: {
    city: { expressCustomerId: `cus_${'1'.repeat(32)}`, facilityName: 'City' },
    north: { expressCustomerId: `cus_${'2'.repeat(32)}` },
  },
  routes: [
    { calledAe: 'CITY', customer: 'city' },
    { calledAe: 'NORTH', callingAe: ['CT1'], from: ['10.0.0.0/8'], customer: 'north' },
  ],
  access: { tokens: [{ name: 'reading', token: 'reading-room-token', customers: ['city'] }] },
};

function configOf(change: Record<string, unknown> = {}): Config {
  const file = path.join(folder, 'config.json');
  writeFileSync(file, JSON.stringify({ ...BASE, ...change }));
  return loadConfig({ file, env: {} });
}

describe('the passphrase of a key', () => {
  const tlsOf = (keyPassphrase: string, cert = 'cert.pem') => ({
    tls: { cert, key: 'key.pem', keyPassphrase },
  });

  it('of a listener is taken over by a reload, the paths of its files are not', () => {
    const before = configOf({ dimse: tlsOf('four words'), http: tlsOf('four words') });
    const next = configOf({ dimse: tlsOf('other words'), http: tlsOf('other words') });
    expect(restartOnlyChanges(before, next)).toEqual([]);
    const elsewhere = configOf({ dimse: tlsOf('four words', 'other.pem'), http: tlsOf('four words') });
    expect(restartOnlyChanges(before, elsewhere)).toEqual(['dimse']);
  });

  it('of a peer is a change of that peer, without saying what it is', () => {
    const peersOf = (keyPassphrase: string) => ({
      dimse: { peers: [{ aeTitle: 'CT1', host: 'ct1', port: 2762, ...tlsOf(keyPassphrase) }] },
    });
    const difference = reloadDifference(configOf(peersOf('four words')), configOf(peersOf('other words')));
    expect(difference).toEqual({ dimsePeers: { changed: ['CT1'] } });
  });
});

describe('what a reload changes', () => {
  it('is nothing where nothing did', () => {
    expect(reloadDifference(configOf(), configOf())).toEqual({});
  });

  it('is named by entry and setting', () => {
    const next = configOf({
      customers: {
        city: { ...BASE.customers.city, facilityName: 'Town', products: ['autoScribe'] },
        south: { expressCustomerId: `cus_${'3'.repeat(32)}` },
      },
      routes: [BASE.routes[0], { calledAe: 'SOUTH', customer: 'south' }],
      folders: [{ path: '/inbox', customer: 'south' }],
      dimse: { peers: [{ aeTitle: 'CT1', host: 'ct1', port: 104 }] },
    });
    expect(reloadDifference(configOf(), next)).toEqual({
      customers: { added: ['south'], changed: ['city: products, facilityName'], removed: ['north'] },
      routes: { added: ['SOUTH → south'], removed: ['NORTH (from CT1 at 10.0.0.0/8) → north'] },
      folders: { added: ['/inbox'] },
      dimsePeers: { added: ['CT1'] },
    });
  });

  it('shows that a secret is another one, never the secret', () => {
    const next = configOf({
      avara: { apiKey: 'sk_live_22222222', webhookSecret: 'whsec_22222222' },
      access: { tokens: [{ name: 'reading', token: 'another-token-entirely', customers: ['city'] }] },
    });
    const difference = reloadDifference(configOf(), next);
    expect(difference).toEqual({
      customers: {
        changed: ['city: avara.apiKey, avara.webhookSecrets', 'north: avara.apiKey, avara.webhookSecrets'],
      },
      accessTokens: { changed: ['reading'] },
    });
    expect(JSON.stringify(difference)).not.toMatch(/2222|another-token/);
  });
});

describe('what needs a restart', () => {
  it('is what listeners and clients were built from, not tokens and peers', () => {
    const next = configOf({
      dimse: { port: 104, peers: [{ aeTitle: 'CT1', host: 'ct1', port: 104 }] },
      access: { tokens: [] },
      storage: { reserveBytes: 1 },
    });
    expect(restartOnlyChanges(configOf(), next)).toEqual(['dimse', 'storage']);
  });
});
