import { expect, it } from 'vitest';

import type { AdminStatus } from './daemon-client.ts';
import { statusText } from './status-text.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const status: AdminStatus = {
  version: '0.1.0',
  startedAt: '2026-11-22T09:00:00Z',
  state: 'warn',
  sentence: 'MG1 has been silent for longer than usual. 1 other thing to look at.',
  problems: [
    { kind: 'silent', severity: 'warn', text: 'MG1 has been silent for longer than usual' },
    { kind: 'refused-senders', severity: 'warn', text: '1 unknown sender was turned away within a day' },
  ],
  intake: { imagesPerSecond: 2.25, bytesPerSecond: 1_200_000, lastImageAt: '2026-11-22T11:59:30Z' },
  totals: {
    studies: 3,
    receivingStudies: 1,
    instances: 12,
    bytes: 6_300_000,
    conflicts: 0,
    deliveries: { pending: 0, created: 2, attention: 0 },
  },
  associations: [{ id: 'a1' }],
  disk: {
    freeBytes: 82e9,
    totalBytes: 271e9,
    reserveBytes: 1e9,
    isBelowReserve: false,
    forecast: { kind: 'filling', bytesPerDay: 1.2e9, fullAt: '2027-01-29T12:00:00Z' },
  },
  silentSenders: [
    {
      callingAeTitle: 'MG1',
      source: 'dimse',
      customer: 'city-medical',
      lastAt: '2026-11-22T03:00:00Z',
      habit: { kind: 'silent', missedHours: 8.6 },
    },
  ],
  refusedSenders: [
    {
      callingAeTitle: 'CT\u001b]0;NEW',
      calledAeTitle: 'CITYMED',
      peerAddress: '10.20.0.9',
      explanation: 'no route admits it',
      lastAt: '2026-11-22T11:00:00Z',
      suggestions: [{ kind: 'replace', route: 0, entry: { calledAe: 'CITYMED', customer: 'city-medical' } }],
    },
  ],
};

it('tells the state, the disk, who is silent and how to let in who was turned away', () => {
  const text = statusText(
    { url: 'http://127.0.0.1:8081', status, attention: [], recent: [] },
    (_, plain) => plain,
    NOW,
  );
  expect(text).toContain('! MG1 has been silent for longer than usual. 1 other thing to look at.');
  expect(text).toContain('• 1 unknown sender was turned away within a day');
  expect(text).toMatch(
    /Coming in +2\.3 images\/s, 1\.2 MB\/s over 1 Associations, last image 30 seconds ago/,
  );
  expect(text).toMatch(/Disk +82\.0 GB free of 271 GB, full in about 68 days at 1\.2 GB a day/);
  expect(text).toMatch(/MG1 +city-medical +9 hours ago +9 h in which it usually sends/);
  expect(text).toContain('replace routes[0]: {"calledAe":"CITYMED","customer":"city-medical"}');
  expect(text).not.toContain('\u001b');
});

it('is as before with a daemon that tells none of it', () => {
  const { version, startedAt, totals } = status;
  const old = { version, startedAt, totals };
  const text = statusText(
    { url: 'http://x', status: old, attention: [], recent: [] },
    (_, plain) => plain,
    NOW,
  );
  expect(text).toContain('Instances  12');
  expect(text).not.toMatch(/undefined|NaN/);
});
