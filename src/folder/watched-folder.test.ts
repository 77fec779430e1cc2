import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { part10Of, syntheticCt } from '../../test/support/data-sets.ts';
import { fileIntakeBench } from '../../test/support/file-intake-bench.ts';
import { asOrdinaryUser } from '../../test/support/other-user.ts';
import { canMount, mountSmallDisk } from '../../test/support/small-disk.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import type { FolderStatus } from '../core/ports/file-intake.ts';
import { customerKey } from '../core/study/instance.ts';
import { createSystemClock } from '../platform/clock.ts';

const TIMEOUT_MS = 60_000;
const YEAR_MS = 365 * 86_400_000;

const storedIs =
  (count: number) =>
  ({ stored, waiting }: FolderStatus): boolean =>
    stored === count && waiting === 0;
/** Files below a folder, whatever their names. */
const countBelow = (folder: string): number =>
  execFileSync('find', [folder, '-type', 'f', '-printf', '.']).length;
const ct = (instanceNumber: number): Buffer =>
  part10Of(syntheticCt({ instanceNumber, rows: 16, columns: 16 }));

describe('names that are no plain text', () => {
  const NAMES = [
    'new\nline',
    'tab\t\u001b[31mred',
    ' ',
    '\\',
    '"$(x)\'',
    'x'.repeat(255),
    'ⅷ\u0301\u{1f600}',
  ];
  /** As old software writes them: Latin-1, Shift JIS, and what is nothing at all. */
  const BYTES = ['4dfc6c6c6572', '8342838b', 'ff', 'c3', 'eda080', 'efbfbd', 'efbfbdff'];

  it.each(['delete', 'move', 'keep'] as const)(
    'are taken like any others (%s)',
    async (afterImport) => {
      const { files, inbox, settings, folderWhen, real } = await fileIntakeBench();
      const inboxBytes = Buffer.from(`${inbox}/`);
      const folder = Buffer.concat([inboxBytes, Buffer.from('e9e8', 'hex')]);
      await fs.mkdir(folder);
      const paths = [
        ...NAMES.map((name) => Buffer.concat([inboxBytes, Buffer.from(name)])),
        ...BYTES.map((hex) => Buffer.concat([inboxBytes, Buffer.from(hex, 'hex')])),
        ...BYTES.map((hex) => Buffer.concat([folder, Buffer.from('/'), Buffer.from(hex, 'hex')])),
      ];
      const [early, late] = [paths.slice(0, 12), paths.slice(12)];
      for (const [index, filePath] of early.entries()) await fs.writeFile(filePath, ct(index + 1));
      const moveTo = path.join(path.dirname(inbox), 'done');
      const changes = { afterImport, ...(afterImport === 'move' && { moveTo }) };
      await files.watch([settings(changes)]);
      await folderWhen('what lay there is stored', storedIs(early.length));
      for (const [index, filePath] of late.entries())
        await fs.writeFile(filePath, ct(index + 1 + early.length));
      await folderWhen('what came is stored', storedIs(paths.length));
      expect(real.index.totals().instances).toBe(paths.length);

      expect(countBelow(inbox)).toBe(afterImport === 'keep' ? paths.length : 0);
      if (afterImport === 'move') expect(countBelow(moveTo)).toBe(paths.length);

      // A new start of the folder finds nothing new in it.
      await files.watch([]);
      await files.watch([settings({ ...changes, pollIntervalMs: 201, watch: 'polling' })]);
      await fs.writeFile(path.join(inbox, 'last'), ct(100));
      expect(await folderWhen('the last is stored', storedIs(1))).toMatchObject({ duplicates: 0 });
      const found = (await files.find('m%fcller')).records;
      expect(found.map(({ outcome }) => outcome)).toEqual(['stored', 'stored']);
    },
    TIMEOUT_MS,
  );
});

it(
  'reads a new file that has the name, size, time and inode of one that was taken and removed',
  async () => {
    const { files, inbox, settings, folderWhen, real } = await fileIntakeBench();
    const time = new Date('1980-01-01T00:00:00Z');
    const target = path.join(inbox, 'IM0001');
    const put = async (name: string, instanceNumber: number): Promise<number> => {
      const filePath = path.join(inbox, name);
      await fs.writeFile(filePath, ct(instanceNumber));
      await fs.utimes(filePath, time, time);
      return (await fs.stat(filePath)).ino;
    };
    const inode = await put('IM0001', 1);
    await files.watch([settings()]);
    await folderWhen('the first is stored', storedIs(1));
    await files.watch([]);
    // File systems give the numbers of removed files out again, most of them at once.
    let name = '';
    for (let number = 0; number < 1000; number += 1) {
      name = `.${number}`;
      if ((await put(name, 2)) === inode) break;
    }
    await fs.rename(path.join(inbox, name), target);
    await files.watch([settings()]);
    await folderWhen('the second is stored', storedIs(1));
    expect(real.index.totals().instances).toBe(2);
  },
  TIMEOUT_MS,
);

it(
  'gives a file that is not whole the time to go on, however short it takes to settle',
  async () => {
    const { files, inbox, settings, folderWhen, why } = await fileIntakeBench();
    const target = path.join(inbox, 'slow');
    const content = ct(1);
    await fs.writeFile(target, content.subarray(0, -100));
    await files.watch([settings({ quarantineAfterMs: 3_600_000 })]);
    await waitUntil('it was read', async () =>
      (await why(target))?.startsWith('not taken') ? true : undefined,
    );
    await fs.appendFile(target, content.subarray(-100));
    expect(await folderWhen('it is stored', storedIs(1))).toMatchObject({ quarantined: 0 });
  },
  TIMEOUT_MS,
);

it(
  'takes in what is there and what comes although the clock is set back by years meanwhile',
  async () => {
    const system = createSystemClock();
    let behindMs = 0;
    const clock = { ...system, now: () => system.now() - behindMs };
    const { files, settings, drop, folderWhen } = await fileIntakeBench({ clock });
    await files.watch([settings({ watch: 'polling', settledAfterMs: 1500 })]);
    await drop('IM1', 1);
    await folderWhen('the first waits', ({ waiting }) => waiting === 1);
    behindMs = 9 * YEAR_MS;
    await folderWhen('the first is stored', storedIs(1));
    await drop('IM2', 2);
    await folderWhen('the second is stored', storedIs(2));
  },
  TIMEOUT_MS,
);

describe('files and folders that may not be read', () => {
  it(
    'are said to be so, and taken as soon as they may; nothing else waits for them',
    async () => {
      asOrdinaryUser();
      const { files, inbox, settings, drop, folderWhen, why, real } = await fileIntakeBench();
      const closed = path.join(inbox, 'closed');
      await fs.mkdir(closed);
      await drop('IM9', 9, closed);
      await fs.chmod(closed, 0);
      // More than wait at once.
      const many = 4100;
      const content = ct(1);
      for (let number = 0; number < many; number += 1)
        await fs.writeFile(path.join(inbox, `a${number}`), content, { mode: 0 });
      await files.watch([settings()]);
      const stuck = await folderWhen('all are in trouble', ({ inTrouble }) => inTrouble === many, 60_000);
      expect(stuck).toMatchObject({ state: 'watching', stored: 0, quarantined: 0 });
      expect(stuck.detail).toBe(`${many} files cannot be read (EACCES)`);
      expect(await why(path.join(inbox, 'a7'))).toBe('This user may not read it.');

      await drop('z', 2);
      await folderWhen('another is stored', ({ stored }) => stored === 1);
      await fs.chmod(path.join(inbox, 'a7'), 0o600);
      await folderWhen('it is stored', ({ stored }) => stored === 2);
      await fs.chmod(closed, 0o700);
      await folderWhen('what is in the folder is stored', ({ stored }) => stored === 3);
      expect(real.index.totals().instances).toBe(3);
    },
    2 * TIMEOUT_MS,
  );

  it(
    'and folders that come and go do not end the events of the others',
    async () => {
      const { files, inbox, settings, drop, folderWhen, logger } = await fileIntakeBench();
      await files.watch([settings()]);
      await folderWhen('it is watched', ({ state }) => state === 'watching');
      for (let number = 0; number < 300; number += 1) {
        await fs.mkdir(path.join(inbox, `${number % 7}/a/b`), { recursive: true });
        await fs.rm(path.join(inbox, `${number % 7}`), { recursive: true });
      }
      await fs.mkdir(path.join(inbox, '3/a/b'), { recursive: true });
      await drop('IM1', 1, path.join(inbox, '3/a/b'));
      await folderWhen('it is stored', storedIs(1), 20_000);
      // Only an event tells of this one so soon.
      await drop('IM2', 2, path.join(inbox, '3/a/b'));
      await folderWhen('the next is stored', storedIs(2), 20_000);
      expect(files.folders()[0]?.state).toBe('watching');
      expect(logger.messages('warn')).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

it(
  'takes nothing from a folder that leads to another watched one, or to the data folder, by a symbolic link',
  async () => {
    const { files, inbox, settings, drop, folderWhen, real } = await fileIntakeBench();
    const [twin, inside] = [path.join(path.dirname(inbox), 'twin'), path.join(path.dirname(inbox), 'inside')];
    await fs.symlink(inbox, twin);
    await fs.mkdir(path.join(real.dataDir, 'objects'), { recursive: true });
    await fs.symlink(path.join(real.dataDir, 'objects'), inside);
    const other = customerKey('north-clinic');
    await files.watch([settings()]);
    await folderWhen('it is watched', ({ state }) => state === 'watching');
    await files.watch([
      settings(),
      settings({ path: twin, customer: other }),
      settings({ path: inside, customer: other }),
    ]);
    await waitUntil('both are refused', () =>
      files.folders().filter(({ state, detail }) => state === 'missing' && detail?.includes('overlaps'))
        .length === 2
        ? true
        : undefined,
    );
    await drop('IM1', 1);
    await folderWhen('it is stored', storedIs(1));
    expect(real.index.totals().instances).toBe(1);
  },
  TIMEOUT_MS,
);

describe('moveTo', () => {
  it(
    'may lead into the watched folder by a symbolic link: what lies there is not taken again',
    async () => {
      const { files, inbox, settings, drop, folderWhen } = await fileIntakeBench();
      const done = path.join(inbox, 'done');
      const moveTo = path.join(path.dirname(inbox), 'moved');
      await fs.mkdir(done);
      await fs.symlink(done, moveTo);
      await drop('IM1', 1, done);
      await files.watch([settings({ afterImport: 'move', moveTo })]);
      await drop('IM2', 2);
      await folderWhen('the second is stored', storedIs(1));
      await drop('IM3', 3);
      await folderWhen('the third is stored', ({ stored, waiting }) => stored > 1 && waiting === 0);
      expect((await fs.readdir(done)).sort()).toEqual(['IM1', 'IM2', 'IM3']);
      expect(files.folders()[0]).toMatchObject({ stored: 2, duplicates: 0 });
    },
    TIMEOUT_MS,
  );

  it.each([
    ['the watched folder', (inbox: string) => inbox, 'holds the watched folder'],
    ['the data folder', (_inbox: string, dataDir: string) => path.join(dataDir, 'objects'), 'overlaps'],
  ])(
    'that leads to %s by a symbolic link is refused, and nothing is taken',
    async (_what, target, reason) => {
      const { files, inbox, settings, drop, folderWhen, real } = await fileIntakeBench();
      const link = path.join(path.dirname(inbox), 'link');
      await fs.mkdir(target(inbox, real.dataDir), { recursive: true });
      await fs.symlink(target(inbox, real.dataDir), link);
      const file = await drop('IM1', 1);
      await files.watch([settings({ afterImport: 'move', moveTo: link })]);
      const { detail } = await folderWhen('it is refused', ({ state }) => state === 'missing');
      expect(detail).toContain(reason);
      await fs.rm(link);
      await folderWhen('it is stored once the link is gone', storedIs(1));
      await expect(fs.access(file)).rejects.toThrow();
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(!canMount())('a mount point', () => {
  it(
    'is missing while nothing is mounted there, although its folder exists, and is taken up again',
    async () => {
      const { files, inbox, settings, drop, folderWhen } = await fileIntakeBench();
      let disk = await mountSmallDisk(4, inbox);
      onTestFinished(async () => disk.unmount());
      await files.watch([settings()]);
      await drop('IM1', 1);
      await folderWhen('the first is stored', storedIs(1));
      await waitUntil('it can be unmounted', () =>
        disk.unmount().then(
          () => true as const,
          () => undefined,
        ),
      );
      const gone = await folderWhen('it is missing', ({ state }) => state === 'missing');
      expect(gone.detail).toBe('nothing is mounted there any more');
      disk = await mountSmallDisk(4, inbox);
      await drop('IM2', 2);
      await folderWhen('the second is stored', storedIs(2));
      expect(files.folders()[0]?.state).toBe('watching');
    },
    TIMEOUT_MS,
  );
});

it(
  'follows no symbolic links, into circles or elsewhere',
  async () => {
    const { files, inbox, settings, drop, folderWhen } = await fileIntakeBench();
    const elsewhere = path.join(path.dirname(inbox), 'elsewhere');
    await fs.mkdir(elsewhere);
    await drop('IM9', 9, elsewhere);
    await fs.mkdir(path.join(inbox, 'sub'));
    await fs.symlink(inbox, path.join(inbox, 'sub/circle'));
    await fs.symlink(elsewhere, path.join(inbox, 'folder'));
    await fs.symlink(path.join(elsewhere, 'IM9'), path.join(inbox, 'file'));
    await files.watch([settings()]);
    await drop('IM1', 1, path.join(inbox, 'sub'));
    await folderWhen('one is stored', storedIs(1));
    await fs.symlink(path.join(elsewhere, 'IM9'), path.join(inbox, 'file2'));
    await drop('IM2', 2);
    expect(await folderWhen('another is stored', storedIs(2))).toMatchObject({ quarantined: 0 });
    expect(await fs.readdir(elsewhere)).toEqual(['IM9']);
  },
  TIMEOUT_MS,
);

it(
  'takes a kept file again when its content changed in place, also under the same size',
  async () => {
    const { files, inbox, settings, folderWhen, real } = await fileIntakeBench();
    const target = path.join(inbox, 'IM1');
    await fs.writeFile(target, ct(1));
    await files.watch([settings({ afterImport: 'keep' })]);
    await folderWhen('the first is stored', storedIs(1));
    await fs.writeFile(target, ct(2));
    expect(await folderWhen('the second is stored', storedIs(2))).toMatchObject({ duplicates: 0 });
    // Attributes are no content.
    await fs.chmod(target, 0o600);
    await fs.writeFile(path.join(inbox, 'IM3'), ct(3));
    expect(await folderWhen('the third is stored', storedIs(3))).toMatchObject({ duplicates: 0 });
    expect(real.index.totals().instances).toBe(3);
  },
  TIMEOUT_MS,
);
