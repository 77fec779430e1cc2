import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { asOrdinaryUser } from '../../test/support/other-user.ts';
import { canMount, mountSmallDisk } from '../../test/support/small-disk.ts';
import { prepareFolder } from './prepare-folder.ts';

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'prepare-folder-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe('a data folder', () => {
  it('is made with all that is missing above it, closed to others, and left empty', async () => {
    const folder = path.join(await temporaryFolder(), 'a', 'b', 'data');
    await prepareFolder(folder);
    await prepareFolder(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o750);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is refused where it is a file', async () => {
    const file = path.join(await temporaryFolder(), 'data');
    await writeFile(file, '');
    await expect(prepareFolder(file)).rejects.toMatchObject({
      message: `the data folder ${file} cannot be used: a part of the path is a file, not a folder (ENOTDIR)`,
    });
  });

  it('is refused where this user may not write', async () => {
    const root = await temporaryFolder();
    await chmod(root, 0o555);
    asOrdinaryUser();
    const hint = expect.stringContaining('Make the daemon’s user its owner') as string;
    const message = `the data folder ${root} cannot be used: this user may not write there (EACCES)`;
    await expect(prepareFolder(root)).rejects.toMatchObject({ message, hint });
  });

  it.skipIf(!existsSync('/proc/self'))(
    'is refused at once where the file system takes no folders',
    async () => {
      await expect(prepareFolder('/proc/avara/data')).rejects.toMatchObject({
        message: 'the data folder /proc/avara/data cannot be used: no folder can be made there (ENOENT)',
      });
    },
  );

  it.skipIf(!canMount())('may be full: what is in it can still be served', async () => {
    const root = await temporaryFolder();
    const disk = await mountSmallDisk(1, root);
    try {
      await disk.fill(0);
      await expect(prepareFolder(root)).resolves.toBeUndefined();
    } finally {
      await disk.unmount();
    }
  });

  it.skipIf(!canMount())('is refused on a read-only file system, with what that may come from', async () => {
    const root = await temporaryFolder();
    const disk = await mountSmallDisk(1, root);
    try {
      disk.remount('ro');
      for (const folder of [root, path.join(root, 'data')])
        await expect(prepareFolder(folder)).rejects.toMatchObject({
          message: `the data folder ${folder} cannot be used: it is on a read-only file system (EROFS)`,
          hint: expect.stringContaining('Mount it for writing.') as string,
        });
    } finally {
      await disk.unmount();
    }
  });
});
