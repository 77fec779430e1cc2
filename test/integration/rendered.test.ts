import os from 'node:os';
import path from 'node:path';

import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createPictureService } from '../../src/core/pictures/picture-service.ts';
import { createRenderedRoutes } from '../../src/http/dicomweb/rendered-routes.ts';
import { createPixels } from '../../src/pixels/create-pixels.ts';
import type { Pixels } from '../../src/pixels/create-pixels.ts';
import { createDicomWebFixture, TOKENS } from '../support/dicom-web-app.ts';
import { FIXTURE_FILES } from '../support/fixture-files.ts';
import type { FixtureFile } from '../support/fixture-files.ts';
import { fixtureIndex } from '../support/fixture-index.ts';

const WARNING = '299 https://images.example.org/dicom-web: "Not supported and ignored: annotation"';

let pixels: Pixels;
beforeAll(() => {
  pixels = createPixels({ spoolFolder: path.join(os.tmpdir(), 'never-used'), hasSpace: () => true });
});
afterAll(() => pixels.close());

let web: ReturnType<typeof createDicomWebFixture>;
beforeEach(() => {
  const { index, store } = fixtureIndex();
  const pictures = createPictureService({ store, renderer: pixels.renderer });
  const routes = [
    createRenderedRoutes({ index, pictures, audit: { record: (entry) => web.audit.record(entry) } }),
  ];
  web = createDicomWebFixture({ routes });
});

function file(name: string): FixtureFile {
  const found = FIXTURE_FILES.find((fixture) => fixture.file === name);
  if (found === undefined) throw new Error(`no fixture ${name}`);
  return found;
}
const seriesPath = ({ studyInstanceUid, seriesInstanceUid }: FixtureFile): string =>
  `/studies/${studyInstanceUid}/series/${seriesInstanceUid}`;
const instancePath = (it: FixtureFile): string => `${seriesPath(it)}/instances/${it.sopInstanceUid}`;
const CT = file('citymed/ct-head/1-1.dcm');
const US = file('citymed/us-heart/1-1-rgb.dcm');

async function picture(response: Response | Promise<Response>): Promise<{
  readonly type: string | null;
  readonly width: number;
  readonly height: number;
  readonly mean: number;
  readonly bytes: Buffer;
}> {
  const got = await response;
  const bytes = Buffer.from(await got.arrayBuffer());
  expect(got.status, bytes.toString('latin1').slice(0, 200)).toBe(200);
  const image = sharp(bytes);
  const { width, height } = await image.metadata();
  const { channels } = await image.stats();
  return { type: got.headers.get('content-type'), width, height, mean: channels[0]?.mean ?? NaN, bytes };
}

describe('what a picture is of', () => {
  test('an instance is rendered in its own size, as JPEG by default and as PNG on request', async () => {
    const jpeg = await picture(web.request(`${instancePath(CT)}/rendered`));
    const png = await picture(
      web.request(`${instancePath(CT)}/rendered`, TOKENS.city, { headers: { accept: 'image/png' } }),
    );
    expect(jpeg).toMatchObject({ type: 'image/jpeg', width: png.width, height: png.height });
    expect(png.type).toBe('image/png');
    expect(Math.abs(jpeg.mean - png.mean)).toBeLessThan(2);
  });

  test('a series is shown by the image in its middle, a study by its first series', async () => {
    const middle = await picture(web.request(`${instancePath(file('citymed/ct-head/1-4.dcm'))}/rendered`));
    const series = await picture(web.request(`${seriesPath(CT)}/rendered`));
    const study = await picture(web.request(`/studies/${CT.studyInstanceUid}/rendered`));
    expect(series.bytes.equals(middle.bytes)).toBe(true);
    expect(study.bytes.equals(middle.bytes)).toBe(true);
  });

  test('each frame of a multi-frame instance is another picture', async () => {
    const frames = await Promise.all(
      [1, 4].map((frame) => picture(web.request(`${instancePath(US)}/frames/${frame}/rendered`))),
    );
    const instance = await picture(web.request(`${instancePath(US)}/rendered`));
    expect(frames[0]?.bytes.equals(frames[1]?.bytes ?? Buffer.alloc(0))).toBe(false);
    // The frame in the middle of eight.
    expect(frames[1]?.bytes.equals(instance.bytes)).toBe(true);
  });

  test('several frames come in one multipart answer, in the order asked for', async () => {
    const response = await web.request(`${instancePath(US)}/frames/4,1/rendered`);
    const body = Buffer.from(await response.arrayBuffer());
    const [, boundary = ''] = /boundary=(\w+)/.exec(response.headers.get('content-type') ?? '') ?? [];
    const parts = body.toString('latin1').split(`--${boundary}`).slice(1, -1);
    const one = await picture(web.request(`${instancePath(US)}/frames/1/rendered`));
    const four = await picture(web.request(`${instancePath(US)}/frames/4/rendered`));
    expect(response.headers.get('content-type')).toMatch(/^multipart\/related; type="image\/jpeg"/);
    expect(parts).toHaveLength(2);
    for (const [index, frame] of [four, one].entries())
      expect(parts[index]).toContain(`Content-Type: image/jpeg\r\n\r\n${frame.bytes.toString('latin1')}`);
  });

  test('thumbnails of all four fit into 200 by 200, or the box asked for', async () => {
    for (const resource of [
      `/studies/${CT.studyInstanceUid}`,
      seriesPath(CT),
      instancePath(CT),
      `${instancePath(CT)}/frames/1`,
    ]) {
      const thumbnail = await picture(web.request(`${resource}/thumbnail`));
      expect(Math.max(thumbnail.width, thumbnail.height)).toBe(200);
      const small = await picture(web.request(`${resource}/thumbnail?viewport=64,48`));
      expect(small.width <= 64 && small.height === 48).toBe(true);
    }
  });
});

describe('how it is made', () => {
  test('a window decides what is bright', async () => {
    const means = await Promise.all(
      ['40,80', '40,80,linear-exact', '-2000,10', '4000,10', '40,80,sigmoid'].map(
        async (window) => (await picture(web.request(`${instancePath(CT)}/rendered?window=${window}`))).mean,
      ),
    );
    expect(means[2]).toBeGreaterThan(250);
    expect(means[3]).toBeLessThan(5);
    expect(means[0]).toBeGreaterThan(5);
    expect(means[0]).toBeLessThan(250);
  });

  test('a viewport scales, cuts out and mirrors', async () => {
    const url = `${instancePath(CT)}/rendered?accept=image/png&viewport=`;
    const whole = await picture(web.request(`${url}80,80`));
    const left = await picture(web.request(`${url}80,80,0,0,10,20`));
    expect([whole.width, whole.height]).toEqual([80, 80]);
    expect([left.width, left.height]).toEqual([40, 80]);
    const mirrored = await picture(web.request(`${url}80,80,,,-128,`));
    const back = await sharp(mirrored.bytes).flop().raw().toBuffer();
    const { width } = await sharp(mirrored.bytes).metadata();
    const same = await picture(web.request(`${url}80,80,,,128,`));
    expect(width).toBe(same.width);
    expect(back.equals(await sharp(same.bytes).raw().toBuffer())).toBe(true);
  });

  test('quality makes files smaller', async () => {
    const [low, high] = await Promise.all(
      [10, 100].map(
        async (quality) =>
          (await picture(web.request(`${instancePath(CT)}/rendered?quality=${quality}`))).bytes,
      ),
    );
    expect(low?.length).toBeLessThan(high?.length ?? 0);
  });

  test('annotation is left out, and the answer says so', async () => {
    const response = await web.request(`${instancePath(CT)}/rendered?annotation=patient`);
    expect(response.status).toBe(200);
    expect(response.headers.get('warning')).toBe(WARNING);
  });

  test('MONOCHROME1 is shown with its lowest value white', async () => {
    const hand = file('northcln/cr-hand/1-1-jpeg-lossless.dcm');
    const { bytes } = await picture(
      web.request(`${instancePath(hand)}/rendered?accept=image/png`, TOKENS.north),
    );
    // Around a hand there is nothing, which a radiograph shows black.
    const corner = await sharp(bytes).extract({ left: 0, top: 0, width: 4, height: 4 }).stats();
    expect(corner.channels[0]?.mean).toBeLessThan(60);
  });
});

describe('refusals', () => {
  test.each([
    ['window=40', 400],
    ['window=40,0', 400],
    ['window=40,80,cubic', 400],
    ['viewport=0,10', 400],
    ['viewport=10', 400],
    ['viewport=100000,100000', 400],
    ['viewport=10,10,5', 200],
    ['viewport=10,10,9999,0,1,1', 406],
    ['quality=0', 400],
    ['quality=high', 400],
    ['accept=image/tiff', 406],
    ['accept=video/mpeg', 406],
  ])('%s is answered with %i', async (query, status) => {
    const { status: got } = await web.request(`${instancePath(CT)}/rendered?${query}`);
    expect(got).toBe(status);
  });

  test.each([
    ['/frames/2/rendered', 404],
    ['/frames/0/rendered', 400],
    ['/frames/x/rendered', 400],
    ['/frames/1,1,1/rendered', 200],
    [`/frames/${Array.from({ length: 101 }, () => 1).join(',')}/rendered`, 413],
  ])('of an instance with one frame, %s is answered with %i', async (end, status) => {
    expect((await web.request(`${instancePath(CT)}${end}`)).status).toBe(status);
  });

  test.each(['northcln/cr-hand/2-1-report.dcm', 'northcln/cr-hand/3-1-pdf.dcm'])(
    '%s is no image, and the answer says how it can be had',
    async (name) => {
      const response = await web.request(`${instancePath(file(name))}/rendered`, TOKENS.north);
      expect(response.status).toBe(406);
      expect(await response.json()).toMatchObject({ code: 'no-pixels' });
    },
  );

  test("another customer's images are not there", async () => {
    const hand = file('northcln/cr-hand/1-1-jpeg-lossless.dcm');
    const other = await web.request(`${instancePath(hand)}/rendered`, TOKENS.city);
    const none = await web.request(`/studies/1.2.3/series/1.2/instances/1.2/rendered`, TOKENS.city);
    expect(other.status).toBe(404);
    expect(await other.text()).toBe(await none.text());
  });

  test('the same UIDs of two customers are two pictures', async () => {
    const head = await picture(web.request(`${instancePath(CT)}/rendered`, TOKENS.city));
    const abdomen = await picture(web.request(`${instancePath(CT)}/rendered`, TOKENS.north));
    const url = `/customers/city-medical${instancePath(CT)}/rendered`;
    const named = await picture(web.request(url, TOKENS.both));
    expect(head.bytes.equals(abdomen.bytes)).toBe(false);
    expect(named.bytes.equals(head.bytes)).toBe(true);
    expect((await web.request(`${instancePath(CT)}/rendered`, TOKENS.both)).status).toBe(409);
  });
});

describe('what is kept of it', () => {
  test('a picture that the client has is not made again, and not sent', async () => {
    const first = await web.request(`${instancePath(CT)}/thumbnail`);
    const etag = first.headers.get('etag') ?? '';
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    const again = await web.request(`${instancePath(CT)}/thumbnail`, TOKENS.city, {
      headers: { 'if-none-match': etag },
    });
    expect(again.status).toBe(304);
    const other = await web.request(`${instancePath(CT)}/rendered`, TOKENS.city, {
      headers: { 'if-none-match': etag },
    });
    expect(other.status).toBe(200);
  });

  test('the audit trail has every picture handed out, and no other', async () => {
    await web.request(`${instancePath(US)}/frames/1,2/rendered`);
    await web.request(`${instancePath(US)}/frames/99/rendered`);
    expect(web.audited).toEqual([
      expect.objectContaining({
        event: 'dicomweb.rendered',
        actor: 'city',
        customer: 'city-medical',
        sopInstanceUid: US.sopInstanceUid,
        detail: '2 pictures',
      }),
    ]);
  });
});
