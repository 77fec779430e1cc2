import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { createPopulation } from '../../bench/index-population.ts';
import type { SearchQuery } from '../core/query/search-query.ts';
import { parseSearch } from '../core/query/parse-search.ts';
import { customerKey } from '../core/study/instance.ts';
import type { StudyKey } from '../core/study/instance.ts';
import { asOfVersion } from '../../test/support/former-schema.ts';
import { Database } from './driver.mjs';
import { MIGRATIONS } from './migrations.ts';
import { openSqliteIndex } from './study-index.ts';

const CUSTOMERS = ['city-medical', 'north-clinic', 'harbour-imaging'].map(customerKey);

function folder(): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'former-'));
  onTestFinished(() => fs.rmSync(made, { recursive: true }));
  return made;
}

/** Of one study: enough to have several series. */
const MAX_INSTANCES = 60;

/** Fills an index as a site would: studies that are announced, that failed, that are being received. */
async function fill(filePath: string): Promise<readonly StudyKey[]> {
  const { index, outbox } = openSqliteIndex({ filePath });
  const population = createPopulation(7);
  const keys: StudyKey[] = [];
  for (let number = 0; number < 9; number += 1) {
    const study = population.nextStudy();
    let now = 1_700_000_000_000 + number * 60_000;
    let left = MAX_INSTANCES;
    for (const instance of study.arrive(() => (now += 10))) {
      if (left === 0) break;
      left -= 1;
      void index.addInstance(instance);
    }
    keys.push(study.key);
    await index.sync();
    if (number % 3 === 0) continue;
    await index.settle(study.key, now, ['viewer'], now);
    const [due] = outbox.due(now, 1, new Set(), new Set());
    if (due === undefined) throw new Error('no delivery is due');
    if (number % 3 === 1) await outbox.complete(due.id, { avaraStudyId: `stu_${number}` }, now);
    else await outbox.postpone(due.id, now + 1e9, 'not now');
  }
  index.close();
  return keys;
}

/** Everything that lists, searches, webhooks and totals say. */
async function answersOf(filePath: string, keys: readonly StudyKey[]): Promise<unknown> {
  const { index, search, outbox, proof, removals } = openSqliteIndex({ filePath });
  const find = async (query: string, level: SearchQuery['level']): Promise<unknown> => {
    const { conditions } = parseSearch(new URLSearchParams(query), level);
    const { found } = await search.search({
      level,
      customers: CUSTOMERS,
      conditions,
      limit: 1000,
      offset: 0,
    });
    return found.map(({ study, series, instance }) => [
      study.customer,
      study.studyInstanceUid,
      study.sopClasses,
      study.seriesCount,
      series?.seriesInstanceUid,
      instance,
    ]);
  };
  const first = keys.flatMap((key) => index.findStudy(key) ?? [])[0]?.attributes;
  try {
    return {
      totals: [index.totals(), index.customerTotals(), proof.wrongTotals()],
      receiving: index.receivingStudies(),
      lists: [
        {},
        { customers: CUSTOMERS.slice(0, 2) },
        { customers: CUSTOMERS.slice(0, 1), state: 'receiving' as const },
        { state: 'receiving' as const },
        { state: 'stable' as const },
        { delivery: 'pending' as const },
        { text: first?.PatientID ?? '' },
      ].map((query) => index.listStudies({ limit: 12, ...query })),
      studies: keys.map((key) => [
        index.findStudy(key),
        index.listSeries(key),
        index.listInstances(key),
        index.describeStudy(key),
        index.listContents(key),
        removals.factsOf(key, 0),
      ]),
      found: [
        await find('', 'study'),
        await find(`PatientID=${first?.PatientID ?? ''}`, 'study'),
        await find('StudyDate=20230101-20230115', 'series'),
        await find('ModalitiesInStudy=CR', 'instance'),
      ],
      deliveries: outbox.due(Number.MAX_SAFE_INTEGER, 100, new Set(), new Set()),
      ledger: proof.ledger(0, 100_000),
    };
  } finally {
    index.close();
  }
}

it.each([
  ['the former version', MIGRATIONS.length - 1],
  [
    'the version before the columns that searches use',
    MIGRATIONS.findIndex((sql) => sql.includes('study_keys_added')),
  ],
  ['the version before the totals', MIGRATIONS.findIndex((sql) => sql.includes('customer_total'))],
])('an index of %s gives the same answers once it is opened', { timeout: 30_000 }, async (_, version) => {
  const now = path.join(folder(), 'now.db');
  const keys = await fill(now);
  const old = path.join(folder(), 'index.db');
  asOfVersion(version, now, old);
  expect(await answersOf(old, keys)).toEqual(await answersOf(now, keys));
});

it(
  'a start that is cut off while it brings an index up to date is gone on with by the next',
  { timeout: 30_000 },
  async () => {
    const now = path.join(folder(), 'now.db');
    const keys = await fill(now);
    const old = path.join(folder(), 'index.db');
    const version = MIGRATIONS.findIndex((sql) => sql.includes('customer_total'));
    asOfVersion(version, now, old);
    const cut = path.join(folder(), 'index.db');
    const during = new Database(old);
    during.pragma('journal_mode = WAL');
    during.exec(MIGRATIONS[version] ?? '');
    during.pragma(`user_version = ${version + 1}`);
    // A step that is half done, and what is on disk at that moment: no more is there after power is lost.
    during.exec('PRAGMA cache_size = 1; BEGIN IMMEDIATE');
    during.exec(MIGRATIONS[version + 1] ?? '');
    for (const suffix of ['', '-wal']) fs.copyFileSync(old + suffix, cut + suffix);
    during.exec('ROLLBACK');
    during.close();
    expect(await answersOf(cut, keys)).toEqual(await answersOf(now, keys));
  },
);
