import fs from 'node:fs/promises';
import path from 'node:path';

import { beforeEach, expect, it } from 'vitest';

import { type FileIntakeBench, fileIntakeBench } from '../../test/support/file-intake-bench.ts';
import { waitUntil } from '../../test/support/wait-until.ts';

let real: FileIntakeBench['real'];
let logger: FileIntakeBench['logger'];
let inbox: string;
let files: FileIntakeBench['files'];
let settings: FileIntakeBench['settings'];
let drop: FileIntakeBench['drop'];
beforeEach(async () => {
  ({ real, logger, inbox, files, settings, drop } = await fileIntakeBench());
});

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

it('says of a file that was noted where it lay what has become of it, and takes it once it is back', async () => {
  const file = path.join(inbox, 'cut');
  const whole = await fs.readFile(await drop('cut', 1));
  await fs.truncate(file, whole.length - 100);
  await files.watch([settings({ afterImport: 'keep' })]);
  await waitUntil('it is noted', () => (files.quarantinedCount === 1 ? true : undefined));
  await files.watch([]);
  const reason = async () => (await files.quarantined(10))[0]?.reason;
  await fs.rm(file);
  expect(await files.retryQuarantined({ asIs: false })).toEqual({ tried: 1, stored: 0 });
  expect(await reason()).toBe('The file is no longer where it was.');
  await fs.symlink('/etc/hostname', file);
  expect(await files.retryQuarantined({ asIs: false })).toEqual({ tried: 1, stored: 0 });
  expect(await reason()).toBe('It is a symbolic link.');
  await fs.rm(file);
  await fs.writeFile(file, whole);
  expect(await files.retryQuarantined({ asIs: false })).toEqual({ tried: 1, stored: 1 });
  expect(files.quarantinedCount).toBe(0);
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
