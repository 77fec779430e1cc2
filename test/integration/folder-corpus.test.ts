import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';

import { afterEach, expect, it } from 'vitest';

import { identifyFile } from '../../src/core/ingest/identify-file.ts';
import { waitUntil } from '../support/wait-until.ts';
import { createFolderSite, ctFile, filesBelow, type FolderSite, sha256 } from '../support/folder-site.ts';

const corpus = process.env.DICOM_CORPUS;
if (corpus === undefined) process.stdout.write('DICOM_CORPUS is not set: real files are not dropped\n');

let here: FolderSite | undefined;
afterEach(async () => {
  await here?.site.close();
  here = undefined;
});

/** Digest of the Data Set that a file of the corpus holds, however it is wrapped. */
function dataSetDigest(file: Buffer): string {
  const bytes = file.readUInt16BE(0) === 0x1f8b ? gunzipSync(file) : file;
  const kind = identifyFile(bytes, true);
  return sha256(bytes.subarray('offset' in kind ? kind.offset : 0));
}

it.skipIf(corpus === undefined)(
  'accounts for every real file that is dropped at once: stored byte for byte, or in quarantine with a reason',
  async () => {
    here = await createFolderSite();
    const { site, inbox, folderWhen, quarantine, storedDigests } = here;
    await site.start();
    await fs.cp(corpus ?? '', inbox, { recursive: true });
    const sources = await filesBelow(corpus ?? '');
    await folderWhen(
      'all files are accounted for',
      ({ stored, duplicates, conflicts, quarantined, waiting }) =>
        stored + duplicates + conflicts + quarantined === sources.length && waiting === 0,
      60_000,
    );
    expect(await filesBelow(inbox)).toEqual([]);

    const entries = await quarantine();
    const rejected = new Map(entries.map((entry) => [path.relative(inbox, entry.path), entry]));
    const stored = new Set(await storedDigests());
    for (const source of sources) {
      const name = path.relative(corpus ?? '', source);
      const bytes = await fs.readFile(source);
      const entry = rejected.get(name);
      if (entry === undefined) {
        expect([name, stored.has(dataSetDigest(bytes))]).toEqual([name, true]);
      } else {
        expect(entry.reason).not.toBe('');
        const held = await fs.readFile(
          path.join(site.folder, 'data/quarantine/city-medical', entry.file ?? 'no file'),
        );
        expect([name, held.equals(bytes)]).toEqual([name, true]);
      }
    }
    const codeOf = (name: string): string | undefined => rejected.get(name)?.code;
    expect(codeOf('MR_truncated.dcm')).toBe('truncated');
    expect(codeOf('rtplan_truncated.dcm')).toBe('truncated');
    expect(codeOf('README.txt')).toBe('not-dicom');
    expect(codeOf('dicomdirtests/DICOMDIR')).toBe('media-directory');
    expect(codeOf('meta_missing_tsyntax.dcm')).toBe('missing-uid');
    expect(codeOf('SC_rgb_jpeg.dcm')).toBe('transfer-syntax-unknown');
    for (const name of [
      'ExplVR_BigEndNoMeta.dcm',
      'ExplVR_LitEndNoMeta.dcm',
      'rtstruct.dcm',
      'image_dfl.dcm',
      'zipMR.gz',
    ])
      expect([name, codeOf(name)]).toEqual([name, undefined]);
  },
);

it(
  'comes to the same end whatever crashes come in the middle of a big drop',
  { timeout: 120_000 },
  async () => {
    here = await createFolderSite({ settledAfterSeconds: 0.1 });
    const { site, inbox, folderWhen, quarantine, storedDigests } = here;
    const files = Array.from({ length: 400 }, (_, index) => ctFile(index + 1, 16));
    for (const [index, { file }] of files.entries()) {
      await fs.mkdir(path.join(inbox, String(index % 7)), { recursive: true });
      await fs.writeFile(path.join(inbox, String(index % 7), `IM${index}`), file);
    }
    for (let index = 0; index < 20; index += 1)
      await fs.writeFile(path.join(inbox, `note${index}.txt`), `note ${index}`);
    for (let round = 0; round < 4; round += 1) {
      const daemon = await site.start();
      // Some time into the work; when exactly does not matter.
      await delay(40 + round * 60);
      await daemon.kill();
    }
    await site.start();
    await folderWhen('nothing waits any more', ({ waiting }) => waiting === 0, 60_000);
    await here.folderWhen('the folder is empty', ({ waiting }) => waiting === 0);
    const [study] = await site.studiesWhen('all instances', (all) => all[0]?.instances === files.length);
    expect(study?.instances).toBe(400);
    expect([...(await storedDigests())].sort()).toEqual(files.map(({ digest }) => digest).sort());
    await waitUntil('the inbox is empty', async () =>
      (await filesBelow(inbox)).length === 0 ? true : undefined,
    );
    const entries = await quarantine();
    expect(new Set(entries.map(({ code }) => code))).toEqual(new Set(['not-dicom']));
    expect(entries).toHaveLength(20);
    expect(await filesBelow(inbox)).toEqual([]);
  },
);
