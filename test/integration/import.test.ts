import { execFile } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createFolderSite, ctFile, type FolderSite } from '../support/folder-site.ts';
import { waitUntil } from '../support/wait-until.ts';
import { zipOf } from '../support/zip-file.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');

let here: FolderSite;
let scans: string;
beforeEach(async () => {
  here = await createFolderSite();
  scans = path.join(here.site.folder, 'scans');
  await fs.mkdir(path.join(scans, 'ct'), { recursive: true });
});
afterEach(() => here.site.close());

interface ImportDocument {
  readonly result: string;
  readonly counts: Readonly<Record<string, number | boolean>>;
  readonly rejected: readonly { path: string; code: string; reason: string }[];
}

function importArguments(...args: string[]): string[] {
  const config = path.join(here.site.folder, 'config.json');
  const url = isRunning ? ['--url', `http://127.0.0.1:${here.site.daemon.admin.port}`] : [];
  return [MAIN, 'import', ...args, '--customer', 'city-medical', '--json', '--config', config, ...url];
}

async function runImport(...args: string[]): Promise<{ code: number; json: ImportDocument }> {
  const argv = importArguments(...args);
  try {
    const { stdout } = await promisify(execFile)(process.execPath, argv);
    return { code: 0, json: JSON.parse(stdout) as ImportDocument };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, json: JSON.parse(stdout) as ImportDocument };
  }
}
let isRunning = false;
beforeEach(() => {
  isRunning = false;
});

it('imports a folder without a daemon, changes nothing with --dry-run, and does nothing twice', async () => {
  const files = [1, 2, 3].map((number) => ctFile(number));
  for (const [index, { file }] of files.entries())
    await fs.writeFile(path.join(scans, `ct/IM${index}`), file);
  const dry = await runImport(scans, '--dry-run');
  expect(dry).toMatchObject({ code: 0, json: { result: 'done', counts: { stored: 3, files: 3 } } });
  expect(await here.storedDigests()).toEqual([]);
  expect(await runImport(scans)).toMatchObject({ code: 0, json: { counts: { stored: 3, alreadyDone: 0 } } });
  expect([...(await here.storedDigests())].sort()).toEqual(files.map(({ digest }) => digest).sort());
  expect(await runImport(scans)).toMatchObject({ code: 0, json: { counts: { stored: 0, alreadyDone: 3 } } });
  expect(await fs.readdir(path.join(scans, 'ct'))).toHaveLength(3);
});

it('imports through the running daemon: archives, and what is not taken with its reason', async () => {
  const [first, second, third] = [ctFile(1), ctFile(2), ctFile(3)];
  const inner = zipOf([{ name: '../../outside', content: third.file }]);
  await fs.writeFile(
    path.join(scans, 'export.zip'),
    zipOf([
      { name: 'DICOM/IM1', content: first.file },
      { name: 'readme.txt', content: Buffer.from('hello') },
      { name: 'inner.zip', content: inner },
    ]),
  );
  await fs.writeFile(path.join(scans, 'IM2.gz'), gzipSync(second.file));
  await here.site.start();
  isRunning = true;
  const { code, json } = await runImport(scans);
  expect(code).toBe(1);
  expect(json.counts).toMatchObject({ files: 2, stored: 3, quarantined: 1, isListed: true });
  expect(json.rejected).toMatchObject([
    { path: path.join(scans, 'export.zip!/readme.txt'), code: 'not-dicom' },
  ]);
  expect([...(await here.storedDigests())].sort()).toEqual(
    [first.digest, second.digest, third.digest].sort(),
  );
  expect(await here.ask('/api/files?name=outside')).toMatchObject({
    records: [{ outcome: 'stored', path: `${scans}/export.zip!/inner.zip!/../../outside` }],
  });
  const studies = await here.site.studiesWhen('the study', (all) => all.length === 1);
  expect(studies[0]).toMatchObject({ customer: 'city-medical', instances: 3 });
});

it('says what is wrong with archives: cut off, damaged, nothing in them; and with paths that are not there', async () => {
  const { file } = ctFile(1);
  const whole = zipOf([{ name: 'IM1', content: file }]);
  const damaged = Buffer.from(whole);
  damaged.writeUInt8(damaged.readUInt8(3000) ^ 0xff, 3000);
  await fs.writeFile(path.join(scans, 'cut.zip'), whole.subarray(0, -30));
  await fs.writeFile(path.join(scans, 'damaged.zip'), damaged);
  await fs.writeFile(path.join(scans, 'empty.zip'), zipOf([]));
  await fs.writeFile(path.join(scans, 'cut.gz'), gzipSync(file).subarray(0, -200));
  const { code, json } = await runImport(scans, path.join(scans, 'nowhere'));
  expect(code).toBe(1);
  const codes = Object.fromEntries(json.rejected.map((one) => [path.relative(scans, one.path), one.code]));
  expect(codes).toEqual({
    'cut.zip': 'truncated',
    'damaged.zip!/IM1': 'damaged',
    'empty.zip': 'empty',
    'cut.gz': 'truncated',
    nowhere: 'unreadable',
  });
  expect(await here.storedDigests()).toEqual([]);
});

it('refuses a customer that is not configured', async () => {
  await here.site.start();
  const { host, port } = here.site.daemon.admin;
  const response = await fetch(`http://${host}:${port}/api/import`, {
    method: 'POST',
    body: JSON.stringify({ customer: 'nobody', paths: ['/tmp'] }),
  });
  expect(response.status).toBe(400);
});

it('takes what a symbolic link leads to that was named itself, and says of what is no file that it is none', async () => {
  const { file } = ctFile(1);
  const pipe = path.join(scans, 'pipe');
  await fs.writeFile(path.join(scans, 'ct/IM1'), file);
  await fs.symlink(path.join(scans, 'ct/IM1'), path.join(here.site.folder, 'to-file'));
  await fs.symlink(path.join(scans, 'nowhere'), path.join(here.site.folder, 'to-nothing'));
  await promisify(execFile)('mkfifo', [pipe]);
  expect(await runImport(path.join(here.site.folder, 'to-file'))).toMatchObject({
    code: 0,
    json: { counts: { files: 1, stored: 1 } },
  });
  for (const [named, reason] of [
    [pipe, 'It is neither a file nor a folder.'],
    [path.join(here.site.folder, 'to-nothing'), 'There is no such file or folder.'],
  ] as const) {
    const { code, json } = await runImport(named);
    expect({ code, rejected: json.rejected }).toMatchObject({
      code: 1,
      rejected: [{ path: named, code: 'unreadable', reason }],
    });
  }
});

describe.each([true, false])('an import that is killed (in the daemon: %s)', (inDaemon) => {
  it('goes on where it was: every file once, in the index and on disk', async () => {
    const count = 400;
    const digests: string[] = [];
    for (let number = 1; number <= count; number += 1) {
      const { file, digest } = ctFile(number);
      digests.push(digest);
      await fs.writeFile(path.join(scans, `ct/IM${number}`), file);
    }
    if (inDaemon) {
      await here.site.start();
      isRunning = true;
    }
    const objects = path.join(here.site.folder, 'data/objects');
    const child = execFile(process.execPath, importArguments(scans));
    const ended = once(child, 'close');
    await waitUntil('some are stored', async () => {
      const names = await fs.readdir(objects, { recursive: true }).catch(() => []);
      return names.filter((name) => name.endsWith('.dcm')).length > 20 ? true : undefined;
    });
    if (inDaemon) await here.site.daemon.kill();
    else child.kill('SIGKILL');
    await ended;
    if (inDaemon) {
      expect(child.exitCode).not.toBe(0);
      await here.site.start();
    }
    const { code, json } = await runImport(scans);
    expect(code).toBe(0);
    const { stored, duplicates, alreadyDone } = json.counts as Record<string, number>;
    expect((stored ?? 0) + (duplicates ?? 0) + (alreadyDone ?? 0)).toBe(count);
    expect(alreadyDone).toBeGreaterThan(0);
    expect([...(await here.storedDigests())].sort()).toEqual(digests.sort());
    expect((await runImport(scans)).json.counts).toMatchObject({ stored: 0, alreadyDone: count });
  });
});
