import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { askForStudy } from '../support/access-webhook.ts';
import { dataSetOf, syntheticCt, type SyntheticInstance } from '../support/data-sets.ts';
import { readObjectFolder } from '../support/object-folder.ts';
import { sendObjects, sha256Of } from '../support/send-objects.ts';
import { areAllCreated, CENTRES, createSite, type Site } from '../support/site.ts';

const { city, north } = CENTRES;
/** Study, Series and SOP Instance UIDs that both centres use. */
const SHARED_UID = '2.25.4711';
const INSTANCES = 3;

/** The same UIDs for every centre, other bytes. */
function imagesOf(centre: keyof typeof CENTRES): SyntheticInstance[] {
  return Array.from({ length: INSTANCES }, (_, index) =>
    syntheticCt({
      rows: 64,
      columns: 64,
      studyInstanceUid: SHARED_UID,
      seriesInstanceUid: `${SHARED_UID}.1`,
      sopInstanceUid: `${SHARED_UID}.1.${index + 1}`,
      instanceNumber: index + 1,
      pixelSeed: centre === 'city' ? 11 : 22,
      patientName: centre === 'city' ? 'Citysen^Ann' : 'Northman^Bo',
    }),
  );
}

const IMAGES = { city: imagesOf('city'), north: imagesOf('north') };
const digestsOf = (images: readonly SyntheticInstance[]): string[] =>
  images.map(({ dataSet }) => sha256Of(dataSet)).sort();

let site: Site;
const studyIds = { city: '', north: '' };
/** What each centre's own webhook was answered with. */
const urls: Record<keyof typeof CENTRES, readonly string[]> = { city: [], north: [] };

/** A URL's path with another token, or the other way round. */
function withTokenOf(url: string, tokenUrl: string): string {
  const mixed = new URL(url);
  mixed.searchParams.set('token', new URL(tokenUrl).searchParams.get('token') ?? '');
  return mixed.href;
}

async function fetchDigest(url: string): Promise<string> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return sha256Of(dataSetOf(Buffer.from(await response.arrayBuffer())));
}

beforeAll(async () => {
  site = await createSite();
  await site.start();
  const to = site.daemon.dimse;
  // Side by side, from one scanner with one AE title.
  const statuses = await Promise.all([
    sendObjects(IMAGES.city, { to, calledAe: city.calledAe }),
    sendObjects(IMAGES.north, { to, calledAe: north.calledAe }),
  ]);
  expect(statuses.flat()).toEqual(Array.from({ length: 2 * INSTANCES }, () => 0));
  const listed = await site.studiesWhen(
    'both studies at Avara',
    (all) => all.length === 2 && areAllCreated(all),
  );
  for (const centre of ['city', 'north'] as const) {
    const { customer, webhookSecret } = CENTRES[centre];
    const study = listed.find((one) => one.customer === customer);
    studyIds[centre] = study?.avara[0]?.studyId ?? '';
    const answer = await askForStudy({
      url: site.webhookUrl(),
      secret: webhookSecret,
      studyId: studyIds[centre],
      studyInstanceUid: SHARED_UID,
    });
    expect(answer).toMatchObject({ status: 200, authorized: true });
    urls[centre] = answer.urls;
  }
});
afterAll(() => site.close());

describe('one Study Instance UID under two customers', () => {
  it('is two studies, each at Avara once and under its own customer', async () => {
    const studies = await site.studies();
    expect(
      studies
        .map(({ customer, studyInstanceUid, instances }) => [customer, studyInstanceUid, instances])
        .sort(),
    ).toEqual([
      [city.customer, SHARED_UID, INSTANCES],
      [north.customer, SHARED_UID, INSTANCES],
    ]);
    expect(studyIds.city).not.toBe(studyIds.north);
    for (const centre of ['city', 'north'] as const) {
      expect(site.emulator.state.findStudy(studyIds[centre])).toMatchObject({
        studyInstanceUid: SHARED_UID,
        expressCustomerId: CENTRES[centre].expressCustomerId,
      });
    }
    expect(site.emulator.state.creates().map(({ created }) => created)).toEqual([1, 1]);
  });

  it('lies in two folders, neither with a byte of the other', async () => {
    const dataDir = path.join(site.folder, 'data');
    const objects = await readObjectFolder(dataDir);
    for (const centre of ['city', 'north'] as const) {
      const own = objects.filter(({ customer }) => customer === CENTRES[centre].customer);
      expect(own.map(({ dataSetSha256 }) => dataSetSha256).sort()).toEqual(digestsOf(IMAGES[centre]));
    }
    expect(objects).toHaveLength(2 * INSTANCES);
  });

  it.each(['city', 'north'] as const)('is shown to %s with its own images', async (centre) => {
    expect(urls[centre]).toHaveLength(INSTANCES);
    const digests = await Promise.all(urls[centre].map(fetchDigest));
    expect(digests.sort()).toEqual(digestsOf(IMAGES[centre]));
  });
});

describe.each([
  ['city', 'north'],
  ['north', 'city'],
] as const)('whoever holds the secrets of %s', (mine, others) => {
  it(`is not told of the study of ${others} by its Avara id`, async () => {
    const answer = await askForStudy({
      url: site.webhookUrl(),
      secret: CENTRES[mine].webhookSecret,
      studyId: studyIds[others],
      studyInstanceUid: SHARED_UID,
    });
    expect(answer).toMatchObject({ status: 200, authorized: false, urls: [], error: 'study not found' });
  });

  it('gets its own images for an Avara id that nobody knows, never the others’', async () => {
    const answer = await askForStudy({
      url: site.webhookUrl(),
      secret: CENTRES[mine].webhookSecret,
      studyId: `stu_${'0'.repeat(32)}`,
      studyInstanceUid: SHARED_UID,
    });
    expect(answer).toMatchObject({ status: 200, authorized: true });
    const digests = await Promise.all(answer.urls.map(fetchDigest));
    expect(digests.sort()).toEqual(digestsOf(IMAGES[mine]));
  });

  it(`gets its own bytes with its token on the URLs of ${others}`, async () => {
    const mixed = urls[others].map((url) => withTokenOf(url, urls[mine][0] ?? ''));
    const digests = await Promise.all(mixed.map(fetchDigest));
    expect(digests.sort()).toEqual(digestsOf(IMAGES[mine]));
  });

  it(`cannot make its token one of ${others}`, async () => {
    const { customer } = CENTRES[mine];
    const other = CENTRES[others].customer;
    const token = new URL(urls[mine][0] ?? '').searchParams.get('token') ?? '';
    const [payload = '', signature = ''] = token.split('.');
    const fields = Buffer.from(payload, 'base64url').toString('latin1');
    expect(fields).toContain(customer);
    const forged = Buffer.from(fields.replace(customer, other), 'latin1').toString('base64url');
    const url = new URL(urls[others][0] ?? '');
    url.searchParams.set('token', `${forged}.${signature}`);
    const response = await fetch(url);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: 'token-bad-signature' });
  });
});

describe('a study that only one customer has', () => {
  const study = '2.25.4712';
  const image = syntheticCt({ rows: 16, columns: 16, studyInstanceUid: study });
  let ownUrl = '';
  let studyId = '';
  beforeAll(async () => {
    await sendObjects([image], { to: site.daemon.dimse, calledAe: city.calledAe });
    const listed = await site.studiesWhen('the study at Avara', (all) =>
      all.some((one) => one.studyInstanceUid === study && areAllCreated([one])),
    );
    studyId = listed.find((one) => one.studyInstanceUid === study)?.avara[0]?.studyId ?? '';
    const question = { url: site.webhookUrl(), studyId, studyInstanceUid: study };
    const answer = await askForStudy({ ...question, secret: city.webhookSecret });
    ownUrl = answer.urls[0] ?? '';
  });

  it('is not known to exist by the other’s secret, by Avara id or by UID', async () => {
    for (const id of [studyId, `stu_${'0'.repeat(32)}`]) {
      const question = { url: site.webhookUrl(), studyId: id, studyInstanceUid: study };
      const answer = await askForStudy({ ...question, secret: north.webhookSecret });
      expect(answer).toMatchObject({ status: 200, authorized: false, urls: [], error: 'study not found' });
    }
  });

  it('is refused to tokens of other studies, of either customer', async () => {
    expect(await fetchDigest(ownUrl)).toBe(sha256Of(image.dataSet));
    for (const tokenUrl of [urls.city[0] ?? '', urls.north[0] ?? '']) {
      const response = await fetch(withTokenOf(ownUrl, tokenUrl));
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ code: 'token-other-study' });
    }
  });
});
