import fs from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { part10Of, syntheticCt } from '../../test/support/data-sets.ts';
import { fileIntakeBench } from '../../test/support/file-intake-bench.ts';
import { canMount, mountSmallDisk, type SmallDisk } from '../../test/support/small-disk.ts';
import { zipOf } from '../../test/support/zip-file.ts';
import type { FolderStatus } from '../core/ports/file-intake.ts';

const TIMEOUT_MS = 60_000;
/** A name that needs so much room in the index that what is left of a page does not do. */
const LONG = 'x'.repeat(200);

const isQuiet = ({ state, waiting }: FolderStatus): boolean => state === 'watching' && waiting === 0;

async function smallDisk(megabytes = 4): Promise<SmallDisk> {
  const disk = await mountSmallDisk(megabytes);
  onTestFinished(() => disk.unmount());
  return disk;
}

describe('while the index is full', () => {
  it(
    'a stored file waits for its record, with the reason, and is removed once there is space: stored once',
    async () => {
      const { real, files, inbox, records, settings, drop, folderWhen, why } = await fileIntakeBench();
      await records.fill();
      await files.watch([settings({ concurrency: 1 })]);
      const first = await drop(`a${LONG}`, 1);
      await folderWhen('it pauses', ({ state }) => state === 'paused');
      expect(real.index.totals().instances).toBe(1);
      expect(await fs.readdir(inbox)).toEqual([path.basename(first)]);
      expect(await why(first)).toMatch(/^stored, .*SQLITE_FULL/);
      expect(records.find(first)).toBeUndefined();

      const second = await drop(`b${LONG}`, 2);
      records.empty();
      expect(await folderWhen('nothing waits', isQuiet)).toMatchObject({
        stored: 2,
        duplicates: 0,
        quarantined: 0,
      });
      expect(await fs.readdir(inbox)).toEqual([]);
      for (const file of [first, second])
        expect(records.find(file)).toMatchObject({ outcome: 'stored', place: 'removed' });
    },
    TIMEOUT_MS,
  );

  it(
    'an archive goes on where it was: only the member whose record failed is read again',
    async () => {
      const { files, inbox, records, settings, folderWhen } = await fileIntakeBench();
      const members = [1, 2, 3].map((instanceNumber) => ({
        name: `${instanceNumber}${LONG}`,
        content: part10Of(syntheticCt({ instanceNumber, rows: 16, columns: 16 })),
      }));
      await records.fill();
      await fs.writeFile(path.join(inbox, 'all.zip'), zipOf(members));
      await files.watch([settings()]);
      await folderWhen('it pauses', ({ state }) => state === 'paused');
      records.empty();
      expect(await folderWhen('nothing waits', isQuiet)).toMatchObject({ stored: 2, duplicates: 1 });
      expect(await fs.readdir(inbox)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'what goes to quarantine is recorded later, and the folder goes on by itself',
    async () => {
      const { files, inbox, records, settings, folderWhen } = await fileIntakeBench();
      await records.fill();
      const filePath = path.join(inbox, `a${LONG}`);
      await fs.writeFile(filePath, 'no image');
      await files.watch([settings()]);
      await folderWhen('it pauses', ({ state }) => state === 'paused');
      records.empty();
      expect(await folderWhen('nothing waits', isQuiet)).toMatchObject({ quarantined: 1 });
      expect(files.quarantinedCount).toBe(1);
      expect(records.find(filePath)).toMatchObject({ outcome: 'quarantined', place: 'quarantine' });
    },
    TIMEOUT_MS,
  );
});

it(
  'a folder that paused for a file which is gone by now is not paused any more',
  async () => {
    const { real, files, settings, drop, folderWhen } = await fileIntakeBench();
    real.hasSpace = false;
    await files.watch([settings()]);
    const file = await drop('IM1', 1);
    await folderWhen('it pauses', ({ state }) => state === 'paused');
    await fs.unlink(file);
    await folderWhen('it goes on', isQuiet);
  },
  TIMEOUT_MS,
);

const isMountable = canMount();

describe.skipIf(!isMountable)('an inbox that cannot be written to any more', () => {
  it.each(['delete', 'move'] as const)(
    'says so, stores and counts nothing twice, and is emptied once it can be (%s)',
    async (afterImport) => {
      const { real, files, inbox, records, logger, settings, drop, folderWhen, why } =
        await fileIntakeBench();
      const disk = await smallDisk();
      const done = path.join(path.dirname(inbox), 'done');
      const [first, second] = [await drop('IM1', 1, disk.path), await drop('IM2', 2, disk.path)];
      disk.remount('ro');
      const moveTo = afterImport === 'move' ? { moveTo: done } : {};
      await files.watch([settings({ path: disk.path, afterImport, ...moveTo })]);
      const isStuck = ({ stored, inTrouble }: FolderStatus): boolean => stored === 2 && inTrouble === 2;
      const stuck = await folderWhen('both are stored and remain', isStuck);
      expect(stuck).toMatchObject({ state: 'watching', waiting: 2 });
      expect(stuck.detail).toBe('2 files are stored but cannot be removed (EROFS)');
      expect(await why(first)).toBe('stored, but it cannot be removed from here (EROFS)');
      // Listed again, and tried again.
      await files.watch([]);
      await files.watch([settings({ path: disk.path, afterImport, ...moveTo, pollIntervalMs: 201 })]);
      await folderWhen('they are known', ({ inTrouble }) => inTrouble === 2);
      expect(files.folders()[0]).toMatchObject({ stored: 0, duplicates: 0 });
      if (afterImport === 'move') expect(await fs.readdir(done)).toEqual([]);

      disk.remount('rw');
      expect(await folderWhen('nothing waits', isQuiet)).toMatchObject({ stored: 0, duplicates: 0 });
      expect(await fs.readdir(disk.path)).toEqual([]);
      if (afterImport === 'move') expect((await fs.readdir(done)).sort()).toEqual(['IM1', 'IM2']);
      expect(real.index.totals()).toMatchObject({ instances: 2, acknowledgedInstances: 2 });
      for (const file of [first, second]) expect(records.find(file)).toMatchObject({ outcome: 'stored' });
      expect(logger.messages('error')).toHaveLength(2);
    },
    TIMEOUT_MS,
  );

  it(
    'keeps a file that is no image waiting, and copies it into quarantine no earlier than it can be removed',
    async () => {
      const { real, files, settings, folderWhen } = await fileIntakeBench();
      const disk = await smallDisk();
      await fs.writeFile(path.join(disk.path, 'note.txt'), 'no image');
      disk.remount('ro');
      await files.watch([settings({ path: disk.path })]);
      const stuck = await folderWhen('it is in trouble', ({ inTrouble }) => inTrouble === 1);
      expect(stuck.detail).toBe('1 file cannot be put into quarantine (EROFS)');
      expect(files.quarantinedCount).toBe(0);
      expect(await fs.readdir(path.join(real.dataDir, 'quarantine/city-medical'))).toEqual([]);
      disk.remount('rw');
      expect(await folderWhen('nothing waits', isQuiet)).toMatchObject({ quarantined: 1 });
      expect(await fs.readdir(disk.path)).toEqual([]);
      expect(await fs.readdir(path.join(real.dataDir, 'quarantine/city-medical'))).toHaveLength(2);
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(!isMountable)('stored files that go to another file system', () => {
  it(
    'arrive there byte for byte, under the same name and overwriting none; where it is full, they wait',
    async () => {
      const { files, inbox, settings, drop, folderWhen, why } = await fileIntakeBench();
      const disk = await smallDisk();
      const moveTo = path.join(disk.path, 'done');
      await files.watch([settings({ afterImport: 'move', moveTo })]);
      const content = await fs.readFile(await drop('IM1', 1));
      await folderWhen('the first is moved', ({ stored, waiting }) => stored === 1 && waiting === 0);
      expect((await fs.readFile(path.join(moveTo, 'IM1'))).equals(content)).toBe(true);

      await disk.fill(0);
      const next = await drop('IM1', 2);
      const stuck = await folderWhen('the next waits', ({ inTrouble }) => inTrouble === 1);
      expect(stuck).toMatchObject({ state: 'watching', stored: 2 });
      expect(await why(next)).toBe('stored, but it cannot be removed from here (ENOSPC)');
      expect(await fs.readdir(moveTo)).toEqual(['IM1']);
      expect(await fs.readdir(inbox)).toEqual(['IM1']);
      await disk.clear();
      expect(await folderWhen('nothing waits', isQuiet)).toMatchObject({ stored: 2, duplicates: 0 });
      expect((await fs.readdir(moveTo)).sort()).toEqual(['IM1', 'IM1-2']);
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(!isMountable)('a quarantine on a disk of its own that is full', () => {
  it(
    'lets images go on, and what is no image wait',
    async () => {
      const { real, files, inbox, settings, drop, folderWhen, why } = await fileIntakeBench();
      const quarantine = path.join(real.dataDir, 'quarantine');
      const disk = await mountSmallDisk(1, quarantine);
      onTestFinished(() => disk.unmount());
      await disk.fill(0);
      const note = path.join(inbox, 'note.txt');
      await fs.writeFile(note, 'no image');
      await files.watch([settings()]);
      await folderWhen('it is in trouble', ({ inTrouble }) => inTrouble === 1);
      expect(await why(note)).toContain('cannot be put into quarantine (ENOSPC)');
      await drop('IM1', 1);
      const isOneLeft = ({ stored, waiting }: FolderStatus): boolean => stored === 1 && waiting === 1;
      expect(await folderWhen('the image is stored', isOneLeft)).toMatchObject({ state: 'watching' });
      await disk.clear();
      expect(await folderWhen('nothing waits', isQuiet)).toMatchObject({ quarantined: 1 });
    },
    TIMEOUT_MS,
  );
});
