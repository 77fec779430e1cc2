import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { beforeEach, expect, it, onTestFinished } from 'vitest';

import { part10Of, syntheticCt } from '../../test/support/data-sets.ts';
import { realIntake, type RealIntake } from '../../test/support/real-intake.ts';
import { createRecordingLogger, type RecordingLogger } from '../../test/support/recording-logger.ts';
import { temporaryIndex } from '../../test/support/temporary-index.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { customerKey } from '../core/study/instance.ts';
import { createSystemClock } from '../platform/clock.ts';
import { createFileIntake, type FileIntakeService } from './file-intake.ts';
import type { FolderSettings } from './watched-folder.ts';

const CITY = customerKey('city-medical');

let real: RealIntake;
let logger: RecordingLogger;
let inbox: string;
let files: FileIntakeService;
beforeEach(async () => {
  real = await realIntake();
  logger = createRecordingLogger();
  inbox = await fs.mkdtemp(path.join(os.tmpdir(), 'inbox-'));
  files = await createFileIntake({
    dataDir: real.dataDir,
    intake: real.intake,
    index: real.index,
    records: temporaryIndex().files,
    clock: createSystemClock(),
    logger,
  });
  onTestFinished(async () => {
    await files.stop();
    await fs.rm(inbox, { recursive: true });
  });
});

const settings = (changes: Partial<FolderSettings> = {}): FolderSettings => ({
  path: inbox,
  customer: CITY,
  afterImport: 'delete',
  include: [],
  exclude: [],
  settledAfterMs: 50,
  quarantineAfterMs: 100,
  concurrency: 4,
  watch: 'auto',
  pollIntervalMs: 200,
  ...changes,
});
const drop = (name: string, instanceNumber: number): Promise<void> =>
  fs.writeFile(path.join(inbox, name), part10Of(syntheticCt({ instanceNumber, rows: 16, columns: 16 })));
const stored = (count: number): Promise<true> =>
  waitUntil(`${count} stored`, () => (files.folders()[0]?.stored === count ? true : undefined));

it('pauses while there is no space, says so once, quarantines nothing, and says when it goes on', async () => {
  real.hasSpace = false;
  await files.watch([settings()]);
  for (const number of [1, 2, 3, 4, 5, 6]) await drop(`IM${number}`, number);
  await waitUntil('it pauses', () => (files.folders()[0]?.state === 'paused' ? true : undefined));
  const answer = await files.find('IM1');
  expect(answer.waiting[0]?.why).toContain('paused');
  real.hasSpace = true;
  await stored(6);
  await waitUntil('it goes on', () => (files.folders()[0]?.state === 'watching' ? true : undefined));
  expect(logger.messages('error')).toEqual(['watched folder pauses until there is space again']);
  expect(logger.messages('info')).toContain('watched folder goes on: there is space again');
  expect(files.quarantinedCount).toBe(0);
});

it('takes only files that are meant, and holds no name of a file in its log', async () => {
  await drop('DOE^JOHN.dcm', 1);
  await drop('skip.old', 2);
  await fs.writeFile(path.join(inbox, 'DOE^JANE.txt.dcm'), 'no image');
  await files.watch([settings({ include: ['*.dcm', '*.old'], exclude: ['skip*'] })]);
  await stored(1);
  await waitUntil('one is quarantined', () =>
    files.folders().some(({ quarantined, waiting }) => quarantined === 1 && waiting === 0) ? true : undefined,
  );
  expect(await fs.readdir(inbox)).toEqual(['skip.old']);
  expect(JSON.stringify(logger.lines)).not.toContain('DOE');
});

it('stores a cut off file as it is when an operator says so', async () => {
  await drop('cut', 1);
  const { size } = await fs.stat(path.join(inbox, 'cut'));
  await fs.truncate(path.join(inbox, 'cut'), size - 100);
  await files.watch([settings()]);
  await waitUntil('it is quarantined', () => (files.quarantinedCount === 1 ? true : undefined));
  expect(await files.retryQuarantined({ asIs: false })).toEqual({ tried: 1, stored: 0 });
  expect(await files.retryQuarantined({ asIs: true })).toEqual({ tried: 1, stored: 1 });
  expect(files.quarantinedCount).toBe(0);
  expect(real.index.totals().instances).toBe(1);
});

it('leaves the folders alone that stay as they are when the configuration changes', async () => {
  await files.watch([settings()]);
  await drop('IM1', 1);
  await stored(1);
  await files.watch([settings()]);
  expect(files.folders()[0]?.stored).toBe(1);
  await files.watch([settings({ concurrency: 2 })]);
  expect(files.folders()[0]?.stored).toBe(0);
  await files.watch([]);
  expect(files.folders()).toEqual([]);
});
