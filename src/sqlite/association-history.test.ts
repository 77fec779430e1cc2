import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import type { AssociationHistory, EndedAssociation } from '../core/ports/association-history.ts';
import { CursorError } from '../core/ports/study-index.ts';
import { customerKey } from '../core/study/instance.ts';
import { createAssociationHistory } from './association-history.ts';
import { openDatabase } from './open.ts';
import { WriteQueue } from './write-queue.ts';

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 0, 1);

let folder: string;
let db: ReturnType<typeof openDatabase>;
let history: AssociationHistory;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'history-'));
  db = openDatabase(path.join(folder, 'index.db'));
  history = createAssociationHistory({ db, queue: new WriteQueue(db), maxLines: 2000 });
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

function ended(changes: Partial<EndedAssociation> = {}): EndedAssociation {
  return {
    id: 'a1',
    peerAddress: '10.0.0.7',
    callingAeTitle: 'CT1',
    calledAeTitle: 'CITYMED',
    customer: customerKey('city-medical'),
    contexts: [{ abstractSyntaxUid: '1.2.840.10008.1.1', transferSyntaxUid: '1.2.840.10008.1.2' }],
    objects: 10,
    refusedObjects: 2,
    bytes: 5_000_000,
    startedAt: START,
    endedAt: START + 1000,
    outcome: 'released',
    ...changes,
  };
}
const rejected = (at: number, changes: Partial<EndedAssociation> = {}): EndedAssociation => ({
  id: `r${at}`,
  peerAddress: '10.0.0.9',
  callingAeTitle: 'STRANGER',
  calledAeTitle: 'CITYMED',
  contexts: [],
  objects: 0,
  refusedObjects: 0,
  bytes: 0,
  startedAt: START + at,
  endedAt: START + at + 5,
  outcome: 'rejected',
  lastError: 'calling-ae-title-not-recognized',
  ...changes,
});

test('an Association reads back as it was', async () => {
  const whole = ended({ outcome: 'timed-out', lastError: 'peer was silent for 60000 ms' });
  await history.add(whole);
  expect(history.list({ limit: 10 })).toEqual({ associations: [{ ...whole, attempts: 1 }] });
});

test('an attempt that never told its AE titles has none', async () => {
  const attempt: EndedAssociation = {
    id: 'x',
    peerAddress: '::1',
    contexts: [],
    objects: 0,
    refusedObjects: 0,
    bytes: 0,
    startedAt: START,
    endedAt: START,
    outcome: 'aborted-by-us',
  };
  await history.add(attempt);
  expect(history.list({ limit: 1 }).associations).toEqual([{ ...attempt, attempts: 1 }]);
});

test('pages go from the latest to the first, without gaps while new ones come in', async () => {
  for (let index = 0; index < 5; index += 1) await history.add(ended({ id: `a${index}` }));
  const first = history.list({ limit: 2 });
  await history.add(ended({ id: 'later' }));
  const second = history.list({ limit: 2, cursor: first.cursor ?? '' });
  const third = history.list({ limit: 2, cursor: second.cursor ?? '' });
  expect([first, second, third].flatMap(({ associations }) => associations.map(({ id }) => id))).toEqual([
    'a4',
    'a3',
    'a2',
    'a1',
    'a0',
  ]);
  expect(third.cursor).toBeUndefined();
  expect(() => history.list({ limit: 2, cursor: 'junk' })).toThrow(CursorError);
});

test('filters by outcome and AE titles', async () => {
  await history.add(ended({ id: 'ct' }));
  await history.add(ended({ id: 'mr', callingAeTitle: 'MR1', calledAeTitle: 'NORTHCLN' }));
  await history.add(rejected(0));
  const idsOf = (query: object) => history.list({ limit: 10, ...query }).associations.map(({ id }) => id);
  expect(idsOf({ callingAeTitle: 'MR1' })).toEqual(['mr']);
  expect(idsOf({ calledAeTitle: 'CITYMED' })).toEqual(['r0', 'ct']);
  expect(idsOf({ calledAeTitle: 'CITYMED', outcome: 'rejected' })).toEqual(['r0']);
});

test('a peer that is rejected over and over again fills one line per hour', async () => {
  for (let at = 0; at < 2 * HOUR_MS; at += 60_000) await history.add(rejected(at));
  await history.add(rejected(0, { peerAddress: '10.0.0.10' }));
  const { associations } = history.list({ limit: 10 });
  expect(associations.map(({ peerAddress, attempts }) => [peerAddress, attempts])).toEqual([
    ['10.0.0.10', 1],
    ['10.0.0.9', 60],
    ['10.0.0.9', 60],
  ]);
  expect(associations[2]).toMatchObject({ startedAt: START, endedAt: START + 59 * 60_000 + 5 });
});

test('one line per Association where something came of it', async () => {
  await history.add(ended());
  await history.add(ended());
  await history.add(ended({ outcome: 'connection-lost' }));
  await history.add(ended({ outcome: 'connection-lost' }));
  expect(history.list({ limit: 10 }).associations).toHaveLength(4);
});

test('what is too old goes in small steps, the rest stays', async () => {
  await Promise.all(
    Array.from({ length: 1200 }, (_, index) => history.add(ended({ endedAt: START + index }))),
  );
  const steps: boolean[] = [];
  do steps.push(await history.pruneSome(START + 1100));
  while (steps.at(-1) === true);
  expect(steps).toEqual([true, true, false]);
  expect(history.list({ limit: 1000 }).associations).toHaveLength(100);
});

test('there are never more than so many, however young', async () => {
  await Promise.all(Array.from({ length: 2700 }, () => history.add(ended())));
  while (await history.pruneSome(0));
  const count = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM association').get();
  expect(count?.n).toBe(2000);
});
