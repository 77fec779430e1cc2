import { describe, expect, it } from 'vitest';
import { alertKey } from './alert.ts';
import { findConditions, type AlertSnapshot } from './find-conditions.ts';

const HOUR = 3_600_000;
const NOW = 1000 * HOUR;
const LIMITS = { certificateDays: 14, diskForecastDays: 7, unreachableMinutes: 60, quarantinedPerDay: 20 };
const WELL: AlertSnapshot = {
  now: NOW,
  deliveriesInAttention: 0,
  reportsInAttention: 0,
  apiKeys: [{ fingerprint: 'abcd', customers: ['city'], isRefused: false }],
  missingCustomers: [],
  disk: { freeBytes: 100, reserveBytes: 10 },
  silentSenders: [],
  certificates: [{ listener: 'dimse', daysLeft: 14 }],
  uncleanStarts: 2,
  quarantinedLately: 19,
  damagedObjects: 0,
  ledgerExceptions: 0,
  auditEntriesLost: 0,
};

const keysOf = (change: Partial<AlertSnapshot>): string[] =>
  findConditions({ ...WELL, ...change }, LIMITS).map(
    (condition) => `${condition.severity} ${alertKey(condition)}`,
  );

describe('what is wrong', () => {
  it('is nothing where all is well', () => {
    expect(keysOf({})).toEqual([]);
  });

  it.each<[string, Partial<AlertSnapshot>]>([
    ['warning deliveries-attention', { deliveriesInAttention: 1 }],
    ['warning reports-attention', { reportsInAttention: 2 }],
    [
      'critical api-key-refused:abcd',
      { apiKeys: [{ fingerprint: 'abcd', customers: ['city'], isRefused: true }] },
    ],
    [
      'warning avara-unreachable:abcd',
      {
        apiKeys: [
          { fingerprint: 'abcd', customers: ['city'], isRefused: false, unreachableSince: NOW - HOUR },
        ],
      },
    ],
    ['critical customer-missing:city', { missingCustomers: ['city'] }],
    ['critical disk-low', { disk: { freeBytes: 9, reserveBytes: 10 }, diskDaysLeft: 0 }],
    ['warning disk-forecast', { diskDaysLeft: 6.5 }],
    ['critical disk-forecast', { diskDaysLeft: 0.5 }],
    [
      'warning sender-silent:city/CT1/CITYMED',
      {
        silentSenders: [
          { callingAeTitle: 'CT1', calledAeTitle: 'CITYMED', customer: 'city', lastAt: NOW - 30 * HOUR },
        ],
      },
    ],
    ['warning certificate-expiring:http', { certificates: [{ listener: 'http', daysLeft: 13 }] }],
    ['critical certificate-expiring:http', { certificates: [{ listener: 'http', daysLeft: -1 }] }],
    ['critical crash-loop', { uncleanStarts: 3 }],
    ['warning quarantine-growing', { quarantinedLately: 20 }],
    ['critical object-damaged', { damagedObjects: 1 }],
    ['critical ledger-exception', { ledgerExceptions: 1 }],
    ['critical audit-lost', { auditEntriesLost: 1 }],
  ])('is %s', (key, change) => {
    expect(keysOf(change)).toEqual([key]);
  });

  it('is not that Avara has been out of reach for a short time', () => {
    const since = NOW - HOUR + 1;
    const apiKeys = [{ fingerprint: 'abcd', customers: ['city'], isRefused: false, unreachableSince: since }];
    expect(keysOf({ apiKeys })).toEqual([]);
  });

  it('is said with numbers and what to do', () => {
    const [condition] = findConditions({ ...WELL, deliveriesInAttention: 3 }, LIMITS);
    expect(condition?.summary).toContain('3 studies need attention');
    expect(condition?.advice).toContain('avara-ingest status');
  });
});
