import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { openAuditLog } from '../../src/storage/audit-log.ts';
import { runCli } from '../support/cli.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createRecordingLogger } from '../support/recording-logger.ts';

let folder = '';
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'audit-command-'));
  const clock = createFakeClock(Date.parse('2026-03-01T12:00:00Z'));
  const log = await openAuditLog({ folder, clock, logger: createRecordingLogger() });
  log.record({ event: 'object.served', studyInstanceUid: '1.2.3', actor: 'k1' });
  clock.advance(60_000);
  log.record({ event: 'study.moved', studyInstanceUid: '1.2.4', actor: 'admin' });
  await log.close();
});
afterEach(() => fs.rm(folder, { recursive: true }));

it('lists records of a study, and of a time', async () => {
  const one = await runCli('audit', '--folder', folder, '--json', 'list', '--study', '1.2.4');
  expect([one.code, JSON.parse(one.out)]).toMatchObject([0, { records: [{ seq: 2, event: 'study.moved' }] }]);
  const since = await runCli('audit', '--folder', folder, 'list', '--since', '2026-03-01T12:00:30Z');
  expect(since.out).toContain('study.moved');
  expect(since.out).not.toContain('object.served');
  const none = await runCli('audit', '--folder', folder, 'list', '--since', '1h');
  expect(none.out).toContain('No such record');
});

it('proves the trail, and names the first break', async () => {
  const good = await runCli('audit', '--folder', folder, '--json', 'verify');
  const { head } = JSON.parse(good.out) as { head: { hash: string } };
  expect([good.code, JSON.parse(good.out)]).toMatchObject([
    0,
    { ok: true, records: 2, startsAt: 'beginning' },
  ]);
  expect((await runCli('audit', '--folder', folder, 'verify', '--head', head.hash)).code).toBe(0);

  const file = path.join(folder, 'audit-2026-03-01.jsonl');
  const lines = (await fs.readFile(file, 'utf8')).trimEnd().split('\n');
  await fs.writeFile(file, `${lines[0] ?? ''}\n`);
  const cut = await runCli('audit', '--folder', folder, 'verify', '--head', head.hash);
  expect([cut.code, cut.out]).toEqual([1, expect.stringContaining('No record has the hash')]);
  await fs.writeFile(file, `${lines.join('\n').replace('"k1"', '"k2"')}\n`);
  const changed = await runCli('audit', '--folder', folder, 'verify');
  expect([changed.code, changed.out]).toEqual([
    1,
    expect.stringContaining('broken at audit-2026-03-01.jsonl, line 2 (seq 2)'),
  ]);
});
