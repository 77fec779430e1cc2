import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

import { api } from 'dicomweb-client';
import sharp from 'sharp';
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
type FrameIds = InstanceIds & { readonly frameNumbers: readonly number[] };
/** An object of the DICOM JSON Model (PS3.18 Annex F). */
type JsonObject = Readonly<
  Record<string, { readonly Value?: readonly unknown[]; readonly BulkDataURI?: string } | undefined>
>;
interface Query {
  readonly queryParams: Readonly<Record<string, string>>;
}
interface Picture {
  readonly mediaTypes: readonly { readonly mediaType: string }[];
}
/** What is used of dicomweb-client, whose own types ask for options that it does not need. */
interface Client {
  storeInstances(options: { datasets: readonly ArrayBuffer[] }): Promise<unknown>;
  searchForStudies(options: Query): Promise<readonly JsonObject[]>;
  searchForSeries(options: Query & Partial<SeriesIds>): Promise<readonly JsonObject[]>;
  searchForInstances(options: Query & Partial<SeriesIds>): Promise<readonly JsonObject[]>;
  retrieveStudy(options: SeriesIds): Promise<readonly ArrayBuffer[]>;
  retrieveSeries(options: SeriesIds): Promise<readonly ArrayBuffer[]>;
  retrieveInstance(options: InstanceIds): Promise<ArrayBuffer>;
  retrieveStudyMetadata(options: SeriesIds): Promise<readonly JsonObject[]>;
  retrieveSeriesMetadata(options: SeriesIds): Promise<readonly JsonObject[]>;
  retrieveInstanceMetadata(options: InstanceIds): Promise<readonly JsonObject[]>;
  retrieveBulkData(options: { BulkDataURI: string }): Promise<readonly ArrayBuffer[]>;
  retrieveInstanceRendered(options: InstanceIds & Partial<Picture>): Promise<readonly ArrayBuffer[]>;
  retrieveInstanceFramesRendered(options: FrameIds & Picture): Promise<readonly ArrayBuffer[]>;
  retrieveInstanceFrames(options: FrameIds): Promise<readonly ArrayBuffer[]>;
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

/** The value of the last element, Pixel Data in explicit VR little endian, as the file holds it. */
async function pixelDataOf({ path }: FixtureFile): Promise<Buffer> {
  const file = await fileOf(path);
  const at = file.lastIndexOf(Buffer.from([0xe0, 0x7f, 0x10, 0x00]));
  const length = file.readUInt32LE(at + 8);
  return file.subarray(at + 12, at + 12 + length);
}
/** Rows (0028,0010) and Columns (0028,0011) in explicit VR little endian, as the file holds them. */
async function sizeOf({ path }: FixtureFile): Promise<{ rows: number; columns: number }> {
  const file = await fileOf(path);
  const numberAt = (element: number): number =>
    file.readUInt16LE(file.indexOf(Buffer.from([0x28, 0x00, element, 0x00, 0x55, 0x53, 0x02, 0x00])) + 8);
  return { rows: numberAt(0x10), columns: numberAt(0x11) };
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

  describe('after storing a study', () => {
    const [fixture] = images;
    if (fixture === undefined) throw new Error('no fixtures');
    const ids = { studyInstanceUID: fixture.studyInstanceUid, seriesInstanceUID: fixture.seriesInstanceUid };
    const instance = { ...ids, sopInstanceUID: fixture.sopInstanceUid };
    const valueOf = (object: JsonObject | undefined, tag: string): unknown => object?.[tag]?.Value?.[0];
    const sopInstanceUids = (objects: readonly JsonObject[]): readonly unknown[] =>
      objects.map((object) => valueOf(object, '00080018')).sort();
    const uidsOf = (files: readonly FixtureFile[]): readonly string[] =>
      files.map(({ sopInstanceUid }) => sopInstanceUid).sort();
    const ofSeries = images.filter(({ seriesInstanceUid }) => seriesInstanceUid === ids.seriesInstanceUID);

    beforeAll(async () => {
      for (const files of [images, spine]) {
        const datasets = await Promise.all(
          files.map(async ({ path }) => new Uint8Array(await fileOf(path)).buffer),
        );
        await client().storeInstances({ datasets });
      }
    });

    test('finds studies, series and instances by a key, as many as it asks for', async () => {
      const all = await client().searchForStudies({ queryParams: {} });
      expect(all.length).toBeGreaterThan(1);
      const limited = await client().searchForStudies({ queryParams: { limit: '1' } });
      expect(limited).toHaveLength(1);
      const patient = String(
        valueOf(
          all.find((study) => valueOf(study, '0020000D') === ids.studyInstanceUID),
          '00100020',
        ),
      );
      const studies = await client().searchForStudies({ queryParams: { PatientID: patient } });
      expect(studies.map((study) => valueOf(study, '0020000D'))).toEqual([ids.studyInstanceUID]);

      const queryParams = { Modality: fixture.modality, limit: '1' };
      const series = await client().searchForSeries({ studyInstanceUID: ids.studyInstanceUID, queryParams });
      expect(series).toHaveLength(1);
      expect(valueOf(series[0], '00080060')).toBe(fixture.modality);
      expect(
        await client().searchForSeries({
          studyInstanceUID: ids.studyInstanceUID,
          queryParams: { Modality: 'XX' },
        }),
      ).toEqual([]);

      const one = await client().searchForInstances({
        ...ids,
        queryParams: { SOPInstanceUID: fixture.sopInstanceUid },
      });
      expect(sopInstanceUids(one)).toEqual([fixture.sopInstanceUid]);
      const two = await client().searchForInstances({ ...ids, queryParams: { limit: '2' } });
      expect(uidsOf(ofSeries)).toEqual(expect.arrayContaining([...sopInstanceUids(two)]));
      expect(two).toHaveLength(2);
    });

    test('retrieves the metadata of study, series and instance', async () => {
      const ofStudy = await client().retrieveStudyMetadata(ids);
      expect(sopInstanceUids(ofStudy)).toEqual(uidsOf(images));
      expect(sopInstanceUids(await client().retrieveSeriesMetadata(ids))).toEqual(uidsOf(ofSeries));
      for (const sent of images) {
        const [object] = await client().retrieveInstanceMetadata({
          studyInstanceUID: sent.studyInstanceUid,
          seriesInstanceUID: sent.seriesInstanceUid,
          sopInstanceUID: sent.sopInstanceUid,
        });
        expect({
          study: valueOf(object, '0020000D'),
          series: valueOf(object, '0020000E'),
          instance: valueOf(object, '00080018'),
          sopClass: valueOf(object, '00080016'),
          rows: valueOf(object, '00280010'),
          columns: valueOf(object, '00280011'),
        }).toEqual({
          study: sent.studyInstanceUid,
          series: sent.seriesInstanceUid,
          instance: sent.sopInstanceUid,
          sopClass: sent.sopClassUid,
          ...(await sizeOf(sent)),
        });
      }
    });

    test('retrieves the Pixel Data that the metadata refer to', async () => {
      const [object] = await client().retrieveInstanceMetadata(instance);
      const BulkDataURI = object?.['7FE00010']?.BulkDataURI ?? '';
      const [bulkData, ...others] = await client().retrieveBulkData({ BulkDataURI });
      expect(others).toEqual([]);
      const sent = await pixelDataOf(fixture);
      expect(Buffer.from(bulkData ?? new ArrayBuffer(0)).equals(sent)).toBe(true);
      const [frame] = await client().retrieveInstanceFrames({ ...instance, frameNumbers: [1] });
      expect(Buffer.from(frame ?? new ArrayBuffer(0)).equals(sent)).toBe(true);
    });

    test.each(['image/jpeg', 'image/png'])(
      'retrieves instance and frame rendered as %s',
      async (mediaType) => {
        const mediaTypes = [{ mediaType }];
        const { rows, columns } = await sizeOf(fixture);
        const pictures = [
          ...(await client().retrieveInstanceRendered({ ...instance, mediaTypes })),
          ...(await client().retrieveInstanceFramesRendered({ ...instance, frameNumbers: [1], mediaTypes })),
        ];
        expect(pictures).toHaveLength(2);
        for (const picture of pictures) {
          const { format, width, height } = await sharp(Buffer.from(picture)).metadata();
          expect({ mediaType: `image/${format}`, width, height }).toEqual({
            mediaType,
            width: columns,
            height: rows,
          });
        }
      },
    );

    test('retrieves a JPEG where it names no media type', async () => {
      const [picture] = await client().retrieveInstanceRendered(instance);
      expect([...new Uint8Array(picture ?? new ArrayBuffer(0)).subarray(0, 3)]).toEqual([0xff, 0xd8, 0xff]);
    });
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
