import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { createFolderSite, ctFile, filesBelow, type FolderSite, sha256 } from '../support/folder-site.ts';
import { waitUntil } from '../support/wait-until.ts';

let here: FolderSite | undefined;
afterEach(async () => {
  await here?.site.close();
  here = undefined;
});

async function start(
  folder: Record<string, unknown> = {},
  config: Record<string, unknown> = {},
): Promise<FolderSite> {
  here = await createFolderSite(folder, config);
  await here.site.start();
  return here;
}
const storedIs =
  (count: number) =>
  ({ stored, waiting }: { stored: number; waiting: number }): boolean =>
    stored === count && waiting === 0;

describe.each(['events', 'polling'])('a watched folder with %s', (watch) => {
  const settings = { watch, pollIntervalSeconds: 0.2 };

  it('takes files at any depth under any name, and removes them once they are stored', async () => {
    const { inbox, folderWhen, storedDigests } = await start(settings);
    const files = Array.from({ length: 30 }, (_, index) => ctFile(index + 1));
    await fs.mkdir(path.join(inbox, 'a/b c/ä'), { recursive: true });
    for (const [index, { file }] of files.entries()) {
      const name = ['IM', 'x.dcm', 'no such.thing', 'é.JPG'][index % 4] ?? '';
      await fs.writeFile(path.join(inbox, index % 2 === 0 ? '' : 'a/b c/ä', `${index}${name}`), file);
    }
    await folderWhen('all are stored', storedIs(30));
    expect([...(await storedDigests())].sort()).toEqual(files.map(({ digest }) => digest).sort());
    expect(await filesBelow(inbox)).toEqual([]);
  });

  it('never takes a cut object from a copy that stalls longer than it takes to settle and then goes on', async () => {
    const { site, inbox, folderWhen, storedDigests, quarantine } = await start({
      ...settings,
      quarantineAfterSeconds: 60,
    });
    const { file, digest } = ctFile(1, 256);
    const target = path.join(inbox, 'slow');
    // Closed and opened again in between: nothing but the content tells that it is not whole.
    for (let at = 0; at < file.length; at += 40_000) {
      await fs.appendFile(target, file.subarray(at, at + 40_000));
      await delay(900);
    }
    await folderWhen('it is stored', storedIs(1));
    expect(await storedDigests()).toEqual([digest]);
    expect(await quarantine()).toEqual([]);
    expect(site.daemon.noise).toEqual([]);
  });

  it('takes the second version of a file that is replaced half way', async () => {
    const { inbox, folderWhen, storedDigests } = await start({ ...settings, quarantineAfterSeconds: 60 });
    const first = ctFile(1, 256);
    const second = ctFile(2, 128);
    const target = path.join(inbox, 'IM1');
    await fs.writeFile(target, first.file.subarray(0, 60_000));
    await delay(800);
    await fs.writeFile(target, second.file);
    await folderWhen('it is stored', storedIs(1));
    expect(await storedDigests()).toEqual([second.digest]);
    expect(await filesBelow(inbox)).toEqual([]);
  });
});

it('waits for a writer that has the file open, however long it pauses, and although what is there looks whole', async () => {
  const { inbox, folderWhen, folder, ask } = await start();
  const target = path.join(inbox, 'open');
  const { file } = ctFile(1);
  const handle = await fs.open(target, 'w');
  await handle.write(file);
  const isWaiting = async (): Promise<boolean | undefined> => {
    const { waiting } = (await ask('/api/files?name=open')) as { waiting: readonly { why: string }[] };
    return waiting.some(({ why }) => why === 'still open for writing') ? true : undefined;
  };
  await waitUntil('it waits for the writer', isWaiting);
  expect((await folder()).stored).toBe(0);
  await handle.close();
  await folderWhen('it is stored', storedIs(1));
});

it('takes at once what is renamed into place, and leaves unfinished and hidden files alone', async () => {
  const { inbox, folderWhen, storedDigests } = await start({ settledAfterSeconds: 3600 });
  const { file, digest } = ctFile(1);
  await fs.writeFile(path.join(inbox, 'IM2.tmp'), ctFile(2).file);
  await fs.writeFile(path.join(inbox, '.hidden'), ctFile(3).file);
  await fs.writeFile(path.join(inbox, 'IM1.part'), file);
  await delay(20);
  await fs.rename(path.join(inbox, 'IM1.part'), path.join(inbox, 'IM1'));
  await folderWhen('it is stored', storedIs(1));
  expect(await storedDigests()).toEqual([digest]);
  expect((await fs.readdir(inbox)).sort()).toEqual(['.hidden', 'IM2.tmp']);
});

it('moves stored files to where they are to go, with their subfolders and without overwriting any', async () => {
  const { inbox, folderWhen } = await start({ afterImport: 'move', moveTo: './inbox/done' });
  await fs.mkdir(path.join(inbox, 'ct'));
  const first = ctFile(1);
  const second = ctFile(2);
  await fs.writeFile(path.join(inbox, 'ct/IM'), first.file);
  await folderWhen('the first is stored', storedIs(1));
  await fs.writeFile(path.join(inbox, 'ct/IM'), second.file);
  await folderWhen('the second is stored', storedIs(2));
  expect(sha256(await fs.readFile(path.join(inbox, 'done/ct/IM')))).toBe(sha256(first.file));
  expect(sha256(await fs.readFile(path.join(inbox, 'done/ct/IM-2')))).toBe(sha256(second.file));
  expect(await fs.readdir(path.join(inbox, 'ct'))).toEqual([]);
});

it('keeps files and remembers them over a restart; what came meanwhile is taken', async () => {
  const { site, inbox, folderWhen } = await start({ afterImport: 'keep' });
  await fs.writeFile(path.join(inbox, 'IM1'), ctFile(1).file);
  await fs.writeFile(path.join(inbox, 'note.txt'), 'not an image');
  await folderWhen('the first is stored', ({ stored, quarantined }) => stored === 1 && quarantined === 1);
  await site.daemon.stop();
  await fs.writeFile(path.join(inbox, 'IM2'), ctFile(2).file);
  await site.start();
  const folder = await folderWhen('the second is stored', storedIs(1));
  expect(folder).toMatchObject({ duplicates: 0, quarantined: 0 });
  expect((await fs.readdir(inbox)).sort()).toEqual(['IM1', 'IM2', 'note.txt']);
});

it('quarantines what cannot be stored with the reason beside it, and stores it when it is tried again', async () => {
  const { site, inbox, folderWhen, quarantine, ask, storedDigests } = await start();
  const { file, digest } = ctFile(1);
  await fs.writeFile(path.join(inbox, 'cut.dcm'), file.subarray(0, -100));
  await folderWhen('it is in quarantine', ({ quarantined }) => quarantined === 1);
  const [entry] = await quarantine();
  expect(entry).toMatchObject({ code: 'truncated', path: path.join(inbox, 'cut.dcm') });
  const held = path.join(site.folder, 'data/quarantine/city-medical', entry?.file ?? '');
  expect(JSON.parse(await fs.readFile(held.replace(/\.dcm$/, '.reason.json'), 'utf8'))).toMatchObject({
    id: entry?.id,
    reason: entry?.reason,
  });
  const text = JSON.stringify(site.daemon.log);
  expect(text).not.toContain('cut.dcm');

  expect(await ask('/api/quarantine/retry', 'POST')).toEqual({ tried: 1, stored: 0 });
  await fs.writeFile(held, file);
  expect(await ask('/api/quarantine/retry', 'POST')).toEqual({ tried: 1, stored: 1 });
  expect(await storedDigests()).toEqual([digest]);
  expect(await quarantine()).toEqual([]);
  expect(await filesBelow(path.join(site.folder, 'data/quarantine'))).toEqual([]);
  const { records } = (await ask('/api/files?name=CUT')) as { records: readonly { outcome: string }[] };
  expect(records.map(({ outcome }) => outcome)).toEqual(['stored']);
});

it('reports a folder that goes away once, and takes it up when it is back', async () => {
  const { site, inbox, folderWhen } = await start();
  await folderWhen('it is watched', ({ state }) => state === 'watching');
  await fs.rename(inbox, `${inbox}.unmounted`);
  await folderWhen('it is missing', ({ state }) => state === 'missing');
  await fs.writeFile(path.join(`${inbox}.unmounted`, 'IM1'), ctFile(1).file);
  await delay(5000);
  await fs.rename(`${inbox}.unmounted`, inbox);
  await folderWhen(
    'it is back and the file stored',
    ({ state, stored }) => state === 'watching' && stored === 1,
  );
  expect(site.daemon.log.filter(({ msg }) => msg.startsWith('watched folder is missing'))).toHaveLength(1);
  await fs.writeFile(path.join(inbox, 'IM2'), ctFile(2).file);
  await folderWhen('the next is stored', storedIs(2));
});

it('pauses while there is no space, and goes on when there is', async () => {
  const { site, inbox, folderWhen, quarantine } = await start({}, { storage: { reserveBytes: 2 ** 50 } });
  await fs.writeFile(path.join(inbox, 'IM1'), ctFile(1).file);
  await folderWhen('it pauses', ({ state }) => state === 'paused');
  expect(await quarantine()).toEqual([]);
  expect(await fs.readdir(inbox)).toEqual(['IM1']);
  await site.daemon.stop();
  const configFile = path.join(site.folder, 'config.json');
  const config = JSON.parse(await fs.readFile(configFile, 'utf8')) as object;
  await fs.writeFile(configFile, JSON.stringify({ ...config, storage: { reserveBytes: 0 } }));
  await site.start();
  await folderWhen('it is stored', storedIs(1));
});

it('takes over another folder on SIGHUP', async () => {
  const { site, ask } = await start();
  const other = path.join(site.folder, 'other');
  await fs.mkdir(other);
  await fs.writeFile(path.join(other, 'IM1'), ctFile(1).file);
  const configFile = path.join(site.folder, 'config.json');
  const config = JSON.parse(await fs.readFile(configFile, 'utf8')) as object;
  const folders = [{ path: other, customer: 'north-clinic', settledAfterSeconds: 0.2 }];
  await fs.writeFile(configFile, JSON.stringify({ ...config, folders }));
  site.daemon.process.kill('SIGHUP');
  const studies = await site.studiesWhen('the study is there', (all) => all.length === 1);
  expect(studies[0]?.customer).toBe('north-clinic');
  expect(await ask('/api/folders')).toMatchObject({ folders: [{ path: other }] });
});
