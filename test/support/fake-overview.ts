import type { AdminOverview } from '../../src/http/admin/overview.ts';

/** What the status page tells, of a daemon that has just started; anything can be set. */
export function createFakeOverview(overrides: Partial<AdminOverview> = {}): AdminOverview {
  return {
    version: '1.0.0',
    startedAt: Date.UTC(2026, 0, 1),
    summary: () => ({ state: 'good', sentence: 'All is well. Nothing has come in yet.', problems: [] }),
    rate: () => ({ imagesPerSecond: 0, bytesPerSecond: 0 }),
    openAssociations: () => [],
    disk: () => ({
      freeBytes: 60e9,
      totalBytes: 100e9,
      reserveBytes: 1e9,
      isBelowReserve: false,
      forecast: { kind: 'learning' },
    }),
    senders: () => [],
    senderHours: () => [],
    refused: () => [],
    forgetRefused: () => Promise.resolve(false),
    customers: () => [],
    apiKeys: () => [],
    integrity: () => ({ isActive: true, everyDays: 30, isBehind: false, damagedObjects: 0, damaged: [] }),
    audit: () => Promise.resolve([]),
    ...overrides,
  };
}
