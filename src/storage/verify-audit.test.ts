import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { openAuditLog, type AuditLogOptions } from './audit-log.ts';
import { type AuditLine, readAuditTrail, verifyAuditTrail } from './verify-audit.ts';

const FIRST_DAY = Date.parse('2026-03-01T12:00:00Z');
const DAY = 86_400_000;

let folder = '';
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'audit-'));
});
afterEach(() => fs.rm(folder, { recursive: true }));

/** Writes a day's events, with a start and a stop of their own. */
async function write(day: number, events: readonly string[], options: Partial<AuditLogOptions> = {}) {
  const clock = createFakeClock(FIRST_DAY + day * DAY);
  const log = await openAuditLog({ folder, clock, logger: createRecordingLogger(), ...options });
  for (const event of events) log.record({ event, studyInstanceUid: `1.2.${event.length}` });
  await log.close();
}
const fileOf = (day: number): string =>
  path.join(folder, `audit-${new Date(FIRST_DAY + day * DAY).toISOString().slice(0, 10)}.jsonl`);
async function linesOf(from: string): Promise<readonly AuditLine[]> {
  const lines: AuditLine[] = [];
  for await (const line of readAuditTrail(from)) lines.push(line);
  return lines;
}
async function edit(day: number, change: (lines: string[]) => readonly string[]): Promise<void> {
  const lines = (await fs.readFile(fileOf(day), 'utf8')).trimEnd().split('\n');
  await fs.writeFile(fileOf(day), `${change(lines).join('\n')}\n`);
}

describe('a trail that nobody touched', () => {
  it('holds together over files and starts', async () => {
    await write(0, ['a', 'bb', 'ccc']);
    await write(0, ['dddd']);
    await write(1, ['eeeee']);
    const verdict = await verifyAuditTrail(folder);
    expect(verdict).toMatchObject({ files: 2, records: 5, firstSeq: 1, startsAt: 'beginning', tornLines: 0 });
    expect(verdict.firstBreak).toBeUndefined();
    expect(verdict.head?.seq).toBe(5);
  });

  it('holds together around a line that a crash cut short', async () => {
    await write(0, ['a', 'bb']);
    await fs.appendFile(fileOf(0), '{"seq":3,"at":"2026-03-01T1');
    await write(0, ['ccc']);
    expect(await verifyAuditTrail(folder)).toMatchObject({ records: 3, tornLines: 1, head: { seq: 3 } });
    expect((await verifyAuditTrail(folder)).firstBreak).toBeUndefined();
  });

  it('goes on from records of a version before the chain', async () => {
    await fs.writeFile(fileOf(0), '{"seq":1,"event":"old"}\n{"seq":2,"event":"old"}\n');
    await write(1, ['a', 'bb']);
    expect(await verifyAuditTrail(folder)).toMatchObject({ records: 4, unchained: 2, startsAt: 'beginning' });
    expect((await verifyAuditTrail(folder)).firstBreak).toBeUndefined();
    await edit(0, ([one = '']) => [one, '{"seq":2,"event":"other"}']);
    expect((await verifyAuditTrail(folder)).firstBreak).toMatchObject({ seq: 3 });
  });

  it('may have lost entries, if it says so', async () => {
    const clock = createFakeClock(FIRST_DAY);
    const log = await openAuditLog({ folder, clock, logger: createRecordingLogger(), maxQueuedEntries: 1 });
    await fs.mkdir(fileOf(0));
    for (const event of ['a', 'bb', 'ccc']) log.record({ event });
    await log.flush();
    await fs.rmdir(fileOf(0));
    await log.close();
    const verdict = await verifyAuditTrail(folder);
    expect(verdict).toMatchObject({ records: 2, head: { seq: 4 } });
    expect(verdict.firstBreak).toBeUndefined();
  });

  it('is empty without a break', async () => {
    expect(await verifyAuditTrail(folder)).toMatchObject({ records: 0, startsAt: 'beginning' });
  });
});

describe('a trail that somebody touched', () => {
  beforeEach(async () => {
    await write(0, ['a', 'bb', 'ccc', 'dddd']);
    await write(1, ['eeeee', 'ffffff']);
  });

  it.each<[string, (lines: string[]) => readonly string[], number]>([
    ['a record was changed', (lines) => lines.map((line) => line.replace('"bb"', '"xx"')), 3],
    ['a record was taken out', (lines) => lines.filter((line) => !line.includes('"bb"')), 3],
    ['two records were swapped', ([a = '', b = '', ...rest]) => [b, a, ...rest], 1],
    ['a record was put in', ([a = '', ...rest]) => [a, a.replace('"seq":1', '"seq":2'), ...rest], 2],
    ['the end of a day was cut off', (lines) => lines.slice(0, 3), 5],
  ])('%s: the first break is named', async (_, change, seq) => {
    await edit(0, change);
    const { firstBreak } = await verifyAuditTrail(folder);
    expect(firstBreak?.seq).toBe(seq);
    expect(firstBreak?.reason).not.toBe('');
  });

  it('a whole day was taken out', async () => {
    await write(2, ['g']);
    await fs.rm(fileOf(1));
    expect((await verifyAuditTrail(folder)).firstBreak).toMatchObject({
      file: path.basename(fileOf(2)),
      seq: 7,
    });
    await fs.rm(fileOf(0));
    expect(await verifyAuditTrail(folder)).toMatchObject({ startsAt: 'unknown', firstBreak: { seq: 7 } });
  });

  it('a record lost its link', async () => {
    await edit(0, (lines) =>
      lines.map((line, at) => (at === 2 ? line.replace(/,"prev":"[0-9a-f]+"/, '') : line)),
    );
    expect((await verifyAuditTrail(folder)).firstBreak).toMatchObject({ seq: 3 });
  });
});

describe('old files', () => {
  it('are removed with a record that the rest is proven by', async () => {
    for (const day of [0, 1, 2]) await write(day, ['a', 'bb']);
    await write(12, ['late'], { keepDays: 10 });
    expect((await fs.readdir(folder)).sort()).toEqual([2, 12].map((day) => path.basename(fileOf(day))));
    const verdict = await verifyAuditTrail(folder);
    expect(verdict).toMatchObject({ firstSeq: 5, startsAt: 'removed-files' });
    expect(verdict.firstBreak).toBeUndefined();
    const lines = await linesOf(folder);
    expect(lines.at(-1)?.record).toMatchObject({ event: 'audit.files_removed' });
    // Taking out more than the record says is found.
    await fs.rm(fileOf(2));
    expect(await verifyAuditTrail(folder)).toMatchObject({ startsAt: 'unknown', firstBreak: { seq: 7 } });
  });

  it('are still proven where the process died between record and removal', async () => {
    for (const day of [0, 1]) await write(day, ['a', 'bb']);
    const copy = await fs.readFile(fileOf(0));
    await write(12, ['late'], { keepDays: 11 });
    await fs.writeFile(fileOf(0), copy);
    const verdict = await verifyAuditTrail(folder);
    expect([verdict.startsAt, verdict.firstBreak]).toEqual(['beginning', undefined]);
    await write(13, ['later'], { keepDays: 11 });
    expect(await fs.readdir(folder)).not.toContain(path.basename(fileOf(0)));
    expect((await verifyAuditTrail(folder)).firstBreak).toBeUndefined();
  });
});
