import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { FIXTURE_FILES } from '../support/fixture-files.ts';
import { ohifConfig, ohifPages, startOhifServer } from '../support/ohif.ts';
import type { OhifServer } from '../support/ohif.ts';
import { ARE_PEERS_REQUIRED } from '../support/peer-programs.ts';
import { CENTRES, createSite } from '../support/site.ts';
import type { Site } from '../support/site.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/data');
const BROWSER = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
/** Where pictures of the pages go, for a person to look at; nowhere if unset. */
const SCREENSHOTS = process.env.OHIF_SCREENSHOTS;
/** Software rendering: machines without a graphics card show the same. */
const SOFTWARE_GL = ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'];
/** Bearer tokens, one customer each. */
const TOKENS = { city: 'city-reading-room-token', north: 'north-reading-room-token' };

if (!existsSync(BROWSER)) {
  const message = `no browser at ${BROWSER}`;
  if (ARE_PEERS_REQUIRED) throw new Error(`${message}, and AVARA_INGEST_REQUIRE_PEERS=1 wants one`);
  process.stdout.write(`${message}: OHIF is not tried\n`);
}
const PAGES = existsSync(BROWSER) ? await ohifPages() : undefined;

describe.runIf(PAGES !== undefined)('OHIF', { timeout: 300_000 }, () => {
  let site: Site;
  /** The viewers of the two customers. */
  let ohif: { readonly city: OhifServer; readonly north: OhifServer };
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** Errors on the page's console, and answers of the daemon that are refusals. */
  let complaints: string[];

  beforeAll(async () => {
    const { city, north } = CENTRES;
    site = await createSite({
      config: {
        access: {
          tokens: [
            { name: 'city-reading-room', token: TOKENS.city, customers: [city.customer] },
            { name: 'north-reading-room', token: TOKENS.north, customers: [north.customer] },
          ],
        },
      },
    });
    await site.start();
    for (const [folder, { customer }] of [
      ['citymed', city],
      ['northcln', north],
    ] as const) {
      const { host, port } = site.daemon.admin;
      const { code, err } = await runCli(
        ...['import', path.join(FIXTURES, folder), '--customer', customer, '--json'],
        ...['--config', path.join(site.folder, 'config.json'), '--url', `http://${host}:${port}`],
      );
      expect(code, err).toBe(0);
    }
    const viewer = (token: string): Promise<OhifServer> =>
      startOhifServer({ pages: PAGES ?? '', appConfig: ohifConfig(serviceUrl(), token) });
    ohif = { city: await viewer(TOKENS.city), north: await viewer(TOKENS.north) };
    browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox', ...SOFTWARE_GL] });
  }, 180_000);
  afterAll(async () => {
    await browser.close();
    await ohif.city.close();
    await ohif.north.close();
    await site.close();
  });

  beforeEach(async () => {
    complaints = [];
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    // No guided tour over the images.
    await context.addInitScript({ content: `localStorage.setItem('shownTours', '["basicViewerTour"]')` });
    page = await context.newPage();
    page.setDefaultTimeout(60_000);
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('response', (response) => {
      if (response.url().startsWith(serviceUrl()) && response.status() >= 400)
        complaints.push(`${response.status()} ${response.url()}`);
    });
  });
  afterEach(() => context.close());

  function serviceUrl(): string {
    const { host, port } = site.daemon.http;
    return `http://${host}:${port}/dicom-web`;
  }

  async function keepPicture(name: string): Promise<void> {
    if (SCREENSHOTS === undefined) return;
    await mkdir(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
  }

  test("lists the studies of the token's customer, and none of another", async () => {
    await page.goto(`${ohif.city.url}/`);
    await page.getByText('CT head without contrast').first().waitFor();
    await keepPicture('study-list');
    const text = await page.locator('body').innerText();
    for (const shown of ['Testberg, Alma', 'Mußterlöv, Jørgen', 'Δοκιμή, Ελένη', 'Tesuto, Hanako'])
      expect(text).toContain(shown);
    expect(text).not.toContain('CT abdomen with contrast');
    expect(complaints).toEqual([]);
  });

  function studyOf(folder: string): string {
    return FIXTURE_FILES.find(({ file }) => file.startsWith(folder))?.studyInstanceUid ?? '';
  }

  test.each([
    ['CT', 'citymed/ct-head/'],
    ['MR', 'citymed/mr-spine/'],
    ['multi-frame US', 'citymed/us-heart/'],
  ])('shows a %s series picture by picture', async (name, folder) => {
    await page.goto(`${ohif.city.url}/viewer?StudyInstanceUIDs=${studyOf(folder)}`);
    const first = await shownPicture(page);
    await keepPicture(name);
    expect(first.greys).toBeGreaterThan(16);

    await page.locator('canvas.cornerstone-canvas').first().hover();
    await page.mouse.wheel(0, 100);
    const second = await shownPicture(page, first.digest);
    await keepPicture(`${name}, next`);
    expect(second.greys).toBeGreaterThan(16);
    expect(complaints).toEqual([]);
  });

  test.each([
    ['JPEG Lossless', 'northcln/cr-hand/'],
    ['RLE Lossless', 'northcln/us-heart/'],
    ['Explicit VR Big Endian', 'northcln/mr-spine/'],
  ])('shows an image stored in %s', async (name, folder) => {
    await page.goto(`${ohif.north.url}/viewer?StudyInstanceUIDs=${studyOf(folder)}`);
    const { greys } = await shownPicture(page);
    await keepPicture(name);
    expect(greys).toBeGreaterThan(16);
    expect(complaints).toEqual([]);
  });
});

interface ShownPicture {
  /** Different grey values. */
  readonly greys: number;
  /** The same for the same picture. */
  readonly digest: number;
}

/** Waits until the first viewport shows a picture, other than the one named. */
async function shownPicture(page: Page, otherThan = 0): Promise<ShownPicture> {
  const handle = await page.waitForFunction(`(${LOOK_AT_CANVAS})(${otherThan})`);
  return (await handle.jsonValue()) as ShownPicture;
}

/** Runs in the page. */
const LOOK_AT_CANVAS = `(otherThan) => {
  const canvas = document.querySelector('canvas.cornerstone-canvas');
  if (!canvas || canvas.width === 0) return false;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const greys = new Set();
  let digest = 7;
  for (let at = 0; at < data.length; at += 4) {
    greys.add(data[at]);
    digest = (Math.imul(digest, 31) + data[at]) | 0;
  }
  return greys.size > 16 && digest !== otherThan ? { greys: greys.size, digest } : false;
}`;
