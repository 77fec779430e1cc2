import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

import { api } from 'dicomweb-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { readFileMeta } from '../../src/dicom/part10/file-meta.ts';
import { FIXTURE_FILES, type FixtureFile } from '../support/fixture-files.ts';
import { type Orthanc, startOrthanc } from '../support/orthanc.ts';
import { ARE_PEERS_REQUIRED, arePeersInstalled } from '../support/peer-programs.ts';
import { CENTRES, createSite, type Site } from '../support/site.ts';
import { readMultipart } from '../support/dicom-web-server.ts';
import { FetchXmlHttpRequest } from '../support/xml-http-request.ts';

const EXPLICIT = '1.2.840.10008.1.2.1';
const TOKEN = 'a-token-for-the-reading-room';
const PLUGIN = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';
const imagesOf = (folder: string): readonly FixtureFile[] =>
  FIXTURE_FILES.filter(({ file }) => file.startsWith(folder));
const images = imagesOf('citymed/ct-head/');
const spine = imagesOf('citymed/mr-spine/');
/** RLE and JPEG Lossless. */
const compressed = [...imagesOf('northcln/us-heart/'), ...imagesOf('northcln/cr-hand/')].filter(
  ({ transferSyntaxUid }) => transferSyntaxUid !== EXPLICIT,
);

interface SeriesIds {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
}
type InstanceIds = SeriesIds & { readonly sopInstanceUID: string };
/** What is used of dicomweb-client, whose own types ask for options that it does not need. */
interface Client {
  storeInstances(options: { datasets: readonly ArrayBuffer[] }): Promise<unknown>;
  searchForStudies(options: { queryParams: Record<string, string> }): Promise<readonly unknown[]>;
  retrieveStudy(options: SeriesIds): Promise<readonly ArrayBuffer[]>;
  retrieveSeries(options: SeriesIds): Promise<readonly ArrayBuffer[]>;
  retrieveInstance(options: InstanceIds): Promise<ArrayBuffer>;
  retrieveInstanceFrames(
    options: InstanceIds & { frameNumbers: readonly number[] },
  ): Promise<readonly ArrayBuffer[]>;
}

let site: Site;
let base: string;

async function fileOf(file: string): Promise<Buffer> {
  return readFile(file);
}
function dataSetOf(bytes: Buffer): Buffer {
  const meta = readFileMeta(bytes);
  if (meta.kind !== 'complete') throw new Error('no File Meta Information');
  return bytes.subarray(meta.dataSetOffset);
}

beforeAll(async () => {
  site = await createSite({
    config: {
      access: {
        tokens: [
          { name: 'peer', token: TOKEN, customers: [CENTRES.city.customer], rights: ['read', 'write'] },
        ],
      },
    },
  });
  const { http } = await site.start();
  base = `http://${http.host}:${http.port}/dicom-web`;
});
afterAll(() => site.close());

describe('dicomweb-client', () => {
  const client = (): Client => {
    Object.assign(globalThis, { XMLHttpRequest: FetchXmlHttpRequest });
    const headers = { Authorization: `Bearer ${TOKEN}` };
    return new api.DICOMwebClient({ url: base, headers, singlepart: false }) as unknown as Client;
  };

  test('stores a study, finds it, and retrieves study, series, instance and frames of it', async () => {
    const files = await Promise.all(images.map(({ path }) => fileOf(path)));
    const datasets = files.map((file) => new Uint8Array(file).buffer);
    await client().storeInstances({ datasets });
    const study = images[0]?.studyInstanceUid ?? '';
    const found = await client().searchForStudies({ queryParams: { StudyInstanceUID: study } });
    expect(found).toHaveLength(1);
    const ids = { studyInstanceUID: study, seriesInstanceUID: images[0]?.seriesInstanceUid ?? '' };
    const digest = (bytes: ArrayBuffer | Buffer): string =>
      Buffer.from(new Uint8Array(bytes)).toString('base64');
    const retrieved = await client().retrieveStudy(ids);
    expect(retrieved.map(digest).sort()).toEqual(files.map(digest).sort());
    const ofSeries = images.filter(({ seriesInstanceUid }) => seriesInstanceUid === ids.seriesInstanceUID);
    expect(await client().retrieveSeries(ids)).toHaveLength(ofSeries.length);
    const first = files[0] ?? Buffer.alloc(0);
    const instance = { ...ids, sopInstanceUID: images[0]?.sopInstanceUid ?? '' };
    expect(digest(await client().retrieveInstance(instance))).toBe(digest(first));
    const [frame] = await client().retrieveInstanceFrames({ ...instance, frameNumbers: [1] });
    const pixels = Buffer.from(new Uint8Array(frame ?? new ArrayBuffer(0)));
    expect(pixels.length).toBeGreaterThan(0);
    expect(dataSetOf(first).includes(pixels)).toBe(true);
  });

  test('is told what is wrong with what it stores', async () => {
    const notDicom = new TextEncoder().encode('not DICOM').buffer;
    await expect(client().storeInstances({ datasets: [notDicom] })).rejects.toMatchObject({ status: 409 });
  });
});

describe('compressed objects', () => {
  const get = (path: string, accept: string): Promise<Response> =>
    fetch(base + path, { headers: { authorization: `Bearer ${TOKEN}`, accept } });
  const dicom = 'multipart/related; type="application/dicom"';
  const octets = 'multipart/related; type="application/octet-stream"';

  test.each(compressed.slice(0, 1).concat(compressed.slice(-1)))(
    'stored in $transferSyntaxUid come as stored, decoded as a whole, and decoded by frame',
    async ({ path, studyInstanceUid, seriesInstanceUid, sopInstanceUid, transferSyntaxUid }) => {
      const file = await fileOf(path);
      const stored = await fetch(`${base}/studies/${studyInstanceUid}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/dicom' },
        body: new Uint8Array(file),
      });
      expect(stored.status).toBe(200);
      const instance = `/studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}`;
      const [asStored] = await readMultipart(await get(instance, `${dicom}; transfer-syntax=*`));
      expect(asStored?.body.equals(file)).toBe(true);

      const [decoded] = await readMultipart(await get(instance, dicom));
      expect(decoded?.headers['content-type']).toBe(`application/dicom; transfer-syntax=${EXPLICIT}`);
      const meta = readFileMeta(decoded?.body ?? Buffer.alloc(0));
      expect(meta).toMatchObject({ transferSyntaxUid: EXPLICIT, sopInstanceUid });
      const [frame] = await readMultipart(await get(`${instance}/frames/1`, octets));
      expect(frame?.body.length).toBeGreaterThan(0);
      expect(decoded?.body.includes(frame?.body ?? 'nothing')).toBe(true);
      const [compressedFrame] = await readMultipart(
        await get(`${instance}/frames/1`, `${octets}; transfer-syntax=*`),
      );
      expect(compressedFrame?.headers['content-type']).toContain(transferSyntaxUid);
      expect(file.includes(compressedFrame?.body ?? 'nothing')).toBe(true);
    },
  );
});

const hasPlugin = existsSync(PLUGIN);
if (!hasPlugin) {
  if (ARE_PEERS_REQUIRED) throw new Error(`${PLUGIN} is not installed`);
  process.stdout.write(`not installed: ${PLUGIN}: its tests are skipped\n`);
}

describe.skipIf(!arePeersInstalled('Orthanc') || !hasPlugin)("Orthanc's DICOMweb client", () => {
  let orthanc: Orthanc;
  beforeAll(async () => {
    orthanc = await startOrthanc('ORTHANC', {
      Plugins: [PLUGIN],
      DicomWeb: {
        Enable: true,
        Servers: {
          daemon: { Url: base, HttpHeaders: { Authorization: `Bearer ${TOKEN}` } },
        },
      },
    });
  });
  afterAll(() => orthanc.close());

  test('stores to the daemon, queries it and retrieves from it', async () => {
    const ids: string[] = [];
    for (const { path } of spine) {
      const stored = await orthanc.call<{ ID: string }>('POST', '/instances', await fileOf(path));
      ids.push(stored?.ID ?? '');
    }
    const study = spine[0]?.studyInstanceUid ?? '';
    const before = await orthanc.call<readonly string[]>('GET', '/studies');
    expect(await orthanc.call('POST', '/dicom-web/servers/daemon/stow', { Resources: before })).toBeDefined();
    const listed = await site.studies();
    expect(listed.find(({ studyInstanceUid }) => studyInstanceUid === study)?.instances).toBe(spine.length);

    const found = await orthanc.call<readonly object[]>('POST', '/dicom-web/servers/daemon/qido', {
      Uri: '/studies',
      Arguments: { StudyInstanceUID: study },
    });
    expect(JSON.stringify(found)).toContain(study);

    for (const id of before ?? []) await orthanc.call('DELETE', `/studies/${id}`);
    expect(await orthanc.call('GET', '/instances')).toEqual([]);
    await orthanc.call('POST', '/dicom-web/servers/daemon/retrieve', { Resources: [{ Study: study }] });
    const again = await orthanc.call<readonly string[]>('GET', '/instances');
    expect([...(again ?? [])].sort()).toEqual([...ids].sort());
    for (const [index, { path, transferSyntaxUid }] of spine.entries()) {
      // Orthanc asks for any Transfer Syntax, or for Explicit VR Little Endian: what is in that comes as it was.
      if (transferSyntaxUid !== EXPLICIT) continue;
      const file = await orthanc.download(`/instances/${ids[index] ?? ''}/file`);
      expect(dataSetOf(file).equals(dataSetOf(await fileOf(path)))).toBe(true);
    }
  });
});
