import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { beforeEach, expect, it, onTestFinished } from 'vitest';

import type { CommitmentRequests, NewCommitmentRequest } from '../core/ports/commitment-requests.ts';
import { customerKey } from '../core/study/instance.ts';
import { uid } from '../dicom/uid.ts';
import { storedInstance } from '../../test/support/stored-instance.ts';
import { openSqliteIndex } from './study-index.ts';
import type { SqliteIndex } from './study-index.ts';

const CITY = customerKey('city-medical');
const NORTH = customerKey('north-clinic');
const NONE: ReadonlySet<never> = new Set();

let filePath: string;
let database: SqliteIndex;
let requests: CommitmentRequests;

beforeEach(() => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'commitment-'));
  filePath = path.join(folder, 'index.db');
  database = openSqliteIndex({ filePath });
  requests = database.commitmentRequests;
  onTestFinished(() => {
    database.index.close();
    fs.rmSync(folder, { recursive: true });
  });
});

function request(changes: Partial<Omit<NewCommitmentRequest, 'references'>> & { sops?: string[] } = {}) {
  const { sops = ['1.2.1', '1.2.2'], ...rest } = changes;
  return {
    customer: CITY,
    callingAeTitle: 'CT1',
    calledAeTitle: 'CITYMED',
    transactionUid: uid('2.25.1'),
    references: sops.map((sop) => ({
      sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
      sopInstanceUid: uid(sop),
    })),
    ...rest,
  };
}
const open = (limit = 10, peers: ReadonlySet<string> = NONE, ids: ReadonlySet<number> = NONE) =>
  requests.open(limit, peers, ids);

it('keeps a request and its verdict over a restart', async () => {
  expect(await requests.accept(request(), 1000)).toBe('accepted');
  const id = open()[0]?.id ?? 0;
  expect(requests.verdict(id)).toBeUndefined();
  await requests.saveVerdict(id, [{ position: 1, reason: 'no-such-object-instance' }], 5);
  await requests.noteFailure(id, 'ECONNREFUSED');

  database.index.close();
  database = openSqliteIndex({ filePath });
  requests = database.commitmentRequests;
  const { references, ...rest } = request();
  expect(open()).toEqual([{ id, ...rest, acceptedAt: 1000, failedAttempts: 1 }]);
  expect(requests.references(id)).toEqual(references);
  expect(requests.verdict(id)).toEqual([{ position: 1, reason: 'no-such-object-instance' }]);
});

it('takes a repeated request once while its report is owed, and anew after that', async () => {
  await requests.accept(request(), 1000);
  expect(await requests.accept(request(), 2000)).toBe('pending');
  expect(open()).toMatchObject([{ acceptedAt: 1000 }]);

  const id = open()[0]?.id ?? 0;
  await requests.saveVerdict(id, [], 5);
  await requests.settle(id, 'reported', 3000);
  expect(open()).toEqual([]);
  expect(await requests.accept(request(), 4000)).toBe('accepted');
  expect(open()).toMatchObject([{ id, acceptedAt: 4000, failedAttempts: 0 }]);
  expect(requests.verdict(id)).toBeUndefined();
  expect(requests.references(id)).toHaveLength(2);
});

it('refuses a Transaction UID for other references, from the same requestor to the same customer', async () => {
  await requests.accept(request(), 1000);
  const other = { sops: ['1.2.3'] };
  expect(await requests.accept(request(other), 1000)).toBe('transaction-uid-in-use');
  expect(await requests.accept(request({ ...other, callingAeTitle: 'MR1' }), 1000)).toBe('accepted');
  expect(await requests.accept(request({ ...other, customer: NORTH }), 1000)).toBe('accepted');
});

it('offers one request per requestor, the oldest, and leaves out what it is told to', async () => {
  for (const [callingAeTitle, transactionUid] of [
    ['CT1', '2.25.1'],
    ['CT1', '2.25.2'],
    ['MR1', '2.25.3'],
  ] as const) {
    await requests.accept(request({ callingAeTitle, transactionUid: uid(transactionUid) }), 1000);
  }
  const first = open()[0]?.id ?? 0;
  expect(open().map(({ transactionUid }) => transactionUid)).toEqual(['2.25.1', '2.25.3']);
  expect(open(1)).toHaveLength(1);
  expect(open(10, new Set(['MR1'])).map(({ transactionUid }) => transactionUid)).toEqual(['2.25.1']);
  expect(open(10, NONE, new Set([first])).map(({ transactionUid }) => transactionUid)).toEqual([
    '2.25.2',
    '2.25.3',
  ]);
});

it('accepts no more references than it can owe, until some are settled', async () => {
  const sops = Array.from({ length: 100_000 }, (_, index) => `1.2.${index}`);
  for (let index = 0; index < 10; index += 1) {
    const transactionUid = uid(`2.25.${index}`);
    expect(await requests.accept(request({ transactionUid, sops }), 1000)).toBe('accepted');
  }
  const next = request({ transactionUid: uid('2.25.99') });
  expect(await requests.accept(next, 1000)).toBe('full');
  await requests.settle(open()[0]?.id ?? 0, 'given-up', 2000);
  expect(await requests.accept(next, 1000)).toBe('accepted');
});

it('forgets what was settled long ago, and nothing that is owed', async () => {
  await requests.accept(request(), 1000);
  await requests.accept(request({ callingAeTitle: 'MR1' }), 1000);
  await requests.settle(open()[0]?.id ?? 0, 'reported', 2000);
  await requests.prune(2000);
  expect(await requests.accept(request({ sops: ['1.9'] }), 3000)).toBe('transaction-uid-in-use');
  await requests.prune(2001);
  expect(await requests.accept(request({ sops: ['1.9'] }), 3000)).toBe('accepted');
  expect(open()).toHaveLength(2);
});

it('finds a SOP Instance in every series of its customer, and of no other', async () => {
  await database.index.addInstance(storedInstance({ series: '1.2.3.4' }));
  await database.index.addInstance(storedInstance({ series: '1.2.3.5', study: '1.2.4' }));
  await database.index.addInstance(storedInstance({ customer: 'north-clinic' }));
  const find = (customer: typeof CITY, sop: string) =>
    database.index.findInstancesBySopUid(customer, uid(sop)).map(({ key }) => key.seriesInstanceUid);
  expect(find(CITY, '1.2.3.4.5')).toEqual(['1.2.3.4', '1.2.3.5']);
  expect(find(NORTH, '1.2.3.4.5')).toEqual(['1.2.3.4']);
  expect(find(CITY, '1.2.3.4.6')).toEqual([]);
});
