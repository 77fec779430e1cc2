import { describe, expect, it } from 'vitest';

import { bytesOf, countOf, spanOf } from './in-words.ts';
import { summarize } from './summarize.ts';
import type { DaemonFacts } from './summarize.ts';

const NOW = Date.UTC(2026, 0, 5, 12);
const MINUTE = 60_000;
const well: DaemonFacts = {
  now: NOW,
  isListening: true,
  freeBytes: 4e11,
  isBelowReserve: false,
  pendingDeliveries: 0,
  deliveriesNeedingAttention: 0,
  reportsNeedingAttention: 0,
  damagedObjects: 0,
  certificates: [],
  refusedKeys: 0,
  unknownCustomers: [],
  silentSenders: [],
  silentCustomers: [],
  refusedSenders: 0,
  quarantined: 0,
  foldersInTrouble: [],
  stuckFiles: [],
  openAssociations: 0,
  imagesPerSecond: 0,
};

describe('the state in a sentence', () => {
  it('says that all is well, and what is going on', () => {
    expect(summarize(well)).toEqual({
      state: 'good',
      sentence: 'All is well. Nothing has come in yet.',
      problems: [],
    });
    expect(summarize({ ...well, lastImageAt: NOW - 4 * MINUTE }).sentence).toBe(
      'All is well. The last image came 4 minutes ago.',
    );
    expect(summarize({ ...well, imagesPerSecond: 12, openAssociations: 2 }).sentence).toBe(
      'All is well. Images are coming in over 2 Associations.',
    );
  });

  it('names the worst first and counts the rest', () => {
    const { state, sentence, problems } = summarize({
      ...well,
      silentSenders: ['CT1'],
      quarantined: 2,
      deliveriesNeedingAttention: 3,
    });
    expect(state).toBe('bad');
    expect(sentence).toBe('3 studies need attention before Avara takes them. 2 other things to look at.');
    expect(problems.map(({ kind }) => kind)).toEqual(['attention', 'silent', 'quarantine']);
  });

  it('waits a few minutes before it speaks of an outage, and says what waits', () => {
    expect(summarize({ ...well, avaraUnreachableSince: NOW - 2 * MINUTE }).state).toBe('good');
    expect(
      summarize({ ...well, avaraUnreachableSince: NOW - 40 * MINUTE, pendingDeliveries: 12 }).sentence,
    ).toBe('Avara has not answered for 40 minutes; 12 studies wait here meanwhile.');
  });

  it('is only worth a look where nothing is held up', () => {
    for (const facts of [
      { silentSenders: ['CT1', 'MR1'] },
      { silentCustomers: ['city-medical'] },
      { refusedSenders: 1 },
      { quarantined: 1 },
      { diskFullAt: NOW + 10 * 86_400_000 },
      { certificates: [{ listener: 'dimse' as const, daysLeft: 5 }] },
    ])
      expect(summarize({ ...well, ...facts }).state).toBe('warn');
    for (const facts of [
      { isBelowReserve: true },
      { refusedKeys: 1 },
      { unknownCustomers: ['north-clinic'] },
      { reportsNeedingAttention: 1 },
      { foldersInTrouble: ['/srv/inbox'] },
      { isListening: false },
    ])
      expect(summarize({ ...well, ...facts }).state).toBe('bad');
    expect(
      summarize({
        ...well,
        diskFullAt: NOW + 90 * 86_400_000,
        certificates: [{ listener: 'http' as const, daysLeft: 200 }],
      }).state,
    ).toBe('good');
  });

  it('tells what files of a watched folder are stuck with', () => {
    const stuckFiles = ['/srv/inbox 2 files are stored but cannot be removed (EROFS)'];
    expect(summarize({ ...well, stuckFiles })).toMatchObject({
      state: 'warn',
      sentence: 'In /srv/inbox 2 files are stored but cannot be removed (EROFS).',
    });
  });

  it('names the folder that nothing is taken from', () => {
    expect(summarize({ ...well, foldersInTrouble: ['/srv/inbox'] }).sentence).toBe(
      'Nothing is taken from the watched folder /srv/inbox.',
    );
  });

  it('names a few and counts the others', () => {
    expect(summarize({ ...well, silentSenders: ['CT1'] }).sentence).toBe(
      'CT1 has been silent for longer than usual.',
    );
    expect(summarize({ ...well, silentSenders: ['A', 'B', 'C', 'D', 'E', 'F'] }).sentence).toBe(
      'A, B, C and 3 more have been silent for longer than usual.',
    );
  });
});

describe('figures in words', () => {
  it('are as people say them', () => {
    expect([0, 1, 1204].map((count) => countOf(count, 'image'))).toEqual([
      '0 images',
      '1 image',
      '1,204 images',
    ]);
    expect(
      [5e3, 42e3, 60e3, 89 * MINUTE, 91 * MINUTE, 35 * 60 * MINUTE, 3 * 1440 * MINUTE].map(spanOf),
    ).toEqual(['a few seconds', '42 seconds', '1 minute', '89 minutes', '2 hours', '35 hours', '3 days']);
    expect([0, 999, 526_300, 1.2e12, -4e9, 123e9].map(bytesOf)).toEqual([
      '0 bytes',
      '999 bytes',
      '526 KB',
      '1.2 TB',
      '-4.0 GB',
      '123 GB',
    ]);
  });
});
