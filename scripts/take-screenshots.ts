// Takes the pictures of the status page in docs/images: a made-up site, the built daemon, the emulated Avara and Chromium.
// Run `npm run build` first. Chromium is looked for in CHROMIUM, else /usr/bin/chromium.
import fs from 'node:fs/promises';
import path from 'node:path';

import { chromium, type Browser, type Page } from 'playwright-core';
import sharp from 'sharp';

import { textElement } from '../fixtures/generator/elements.ts';
import { customerKey } from '../src/core/study/instance.ts';
import { openSqliteIndex } from '../src/sqlite/study-index.ts';
import { askForStudy } from '../test/support/access-webhook.ts';
import { syntheticStudy } from '../test/support/data-sets.ts';
import { sendObjects } from '../test/support/send-objects.ts';
import { CENTRES, createSite, type Site } from '../test/support/site.ts';
import { waitUntil } from '../test/support/wait-until.ts';

const ADMIN_TOKEN = 'a-token-for-screenshots';
const HOUR_MS = 3_600_000;
const HOURS = 8 * 168;
const OUTPUT = path.resolve(import.meta.dirname, '../docs/images');
const CITY = CENTRES.city;
const NORTH = CENTRES.north;
/** Calling AE title, customer, modality, images of a study, share of working hours in use. */
const SENDERS = [
  ['CT1', CITY, 'CT', 24, 0.95],
  ['MR1', CITY, 'MR', 18, 0.85],
  ['US2', CITY, 'US', 9, 0.6],
  ['CR_NORTH', NORTH, 'CR', 2, 0.9],
] as const;
/** It should have sent by now, whenever now is. */
const SILENT = 'MG1';

async function main(): Promise<void> {
  const site = await createSite({
    adminToken: ADMIN_TOKEN,
    config: {
      routes: [
        {
          calledAe: CITY.calledAe,
          callingAe: ['CT1', 'MR1', 'US2', SILENT],
          from: ['127.0.0.0/8'],
          customer: CITY.customer,
        },
        { calledAe: NORTH.calledAe, customer: NORTH.customer },
      ],
    },
  });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    await makePast(path.join(site.folder, 'data'));
    await site.start();
    await makePresent(site);
    await takeAll(browser, site);
  } finally {
    await browser.close();
    await site.close();
  }
}

/** Eight weeks of senders and disk, as the daemon would have taken them down. */
async function makePast(dataDir: string): Promise<void> {
  await fs.mkdir(dataDir, { recursive: true });
  const sqlite = openSqliteIndex({ filePath: path.join(dataDir, 'index.db') });
  const now = Date.now();
  const { bavail, bsize, blocks } = await fs.statfs(dataDir);
  for (let ago = HOURS; ago >= 1; ago -= 1) {
    const at = now - ago * HOUR_MS;
    const time = new Date(at);
    const isWorking = time.getDay() > 0 && time.getDay() < 6 && time.getHours() >= 7 && time.getHours() < 18;
    const sent = [...SENDERS, [SILENT, CITY, 'MG', 4, 1] as const].flatMap(
      ([callingAe, centre, , images, share], row) => {
        const isSilent = callingAe === SILENT;
        const chance = ((ago * 7919 + row * 104_729) % 100) / 100;
        if (isSilent ? ago < 9 : !isWorking || chance > share) return [];
        const instances = images * (1 + ((ago * 31 + row) % 6));
        return [
          {
            customer: customerKey(centre.customer),
            source: 'dimse' as const,
            callingAeTitle: callingAe,
            calledAeTitle: centre.calledAe,
            peerAddress: `10.20.${centre === CITY ? 0 : 8}.${10 + row}`,
            firstAt: at,
            lastAt: at,
            instances,
            bytes: instances * 526_000,
          },
        ];
      },
    );
    await sqlite.senderActivity.add(sent);
    if (ago < 20 * 24)
      await sqlite.diskHistory.add({ at, freeBytes: bavail * bsize + ago * 5e7, totalBytes: blocks * bsize });
  }
  sqlite.index.close();
}

/** What came today: studies at Avara, one that Avara does not take, one that was looked at, a stranger. */
async function makePresent(site: Site): Promise<void> {
  const to = site.daemon.dimse;
  site.emulator.faults.add({
    match: { method: 'POST', path: 'express|studies|create' },
    times: 1,
    fault: { type: 'status', status: 422, message: 'severity is not one of normal, high, stat' },
  });
  let number = 0;
  for (const [callingAe, centre, modality, instancesPerSeries] of SENDERS) {
    for (let study = 0; study < 3; study += 1) {
      number += 1;
      const images = syntheticStudy({
        rows: 128,
        columns: 128,
        seed: `screenshot ${number}`,
        instancesPerSeries,
        elements: [textElement(0x0008_0060, 'CS', modality)],
        patientName: 'Example^Erika',
        accessionNumber: `A-${2000 + number}`,
      });
      await sendObjects([...images], { to, calledAe: centre.calledAe, callingAe });
    }
  }
  const studies = await site.studiesWhen(
    'every study is at Avara, or needs attention',
    (all) =>
      all.length === number &&
      all.every(({ avara }) => avara[0] !== undefined && avara[0].state !== 'pending'),
    60_000,
  );
  const viewed = studies.find(
    ({ avara, customer }) => customer === CITY.customer && avara[0]?.state === 'created',
  );
  await askForStudy({
    url: site.webhookUrl(),
    secret: CITY.webhookSecret,
    studyId: viewed?.avara[0]?.studyId ?? '',
    studyInstanceUid: viewed?.studyInstanceUid ?? '',
  });
  await waitUntil('the look at the study is in its timeline', async () => {
    const { host, port } = site.daemon.admin;
    const timeline = await fetch(
      `http://${host}:${port}/api/studies/${viewed?.customer ?? ''}/${viewed?.studyInstanceUid ?? ''}/timeline`,
      { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } },
    );
    return (await timeline.text()).includes('study.access_granted') ? true : undefined;
  });
  const stranger = [...syntheticStudy({ rows: 16, columns: 16, seed: 'stranger', instancesPerSeries: 1 })];
  await sendObjects(stranger, { to, calledAe: CITY.calledAe, callingAe: 'CT_NEW' }).catch(() => undefined);
}

async function takeAll(browser: Browser, site: Site): Promise<void> {
  await fs.mkdir(OUTPUT, { recursive: true });
  const { host, port } = site.daemon.admin;
  const url = `http://${host}:${port}`;
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const { studies } = (await (await fetch(`${url}/api/studies?q=`, { headers })).json()) as {
    studies: { customer: string; studyInstanceUid: string }[];
  };
  const timelines = await Promise.all(
    studies.map(async ({ customer, studyInstanceUid }) => {
      const page = `/studies/${customer}/${studyInstanceUid}`;
      const answer = await fetch(`${url}/api${page}/timeline`, { headers });
      return { page, events: ((await answer.json()) as { events: unknown[] }).events.length };
    }),
  );
  const study = timelines.sort((a, b) => b.events - a.events)[0]?.page ?? '/studies';
  const shots = [
    ['overview', '/', { width: 1280 }],
    ['overview-dark', '/', { width: 1280, dark: true }],
    ['overview-narrow', '/', { width: 390 }],
    ['studies', '/studies', { width: 1280 }],
    ['study', study, { width: 1280 }],
    ['study-narrow', study, { width: 390, dark: true }],
    ['senders', '/senders', { width: 1280 }],
    ['senders-narrow', '/senders', { width: 390 }],
    ['deliveries', '/deliveries', { width: 1280 }],
    ['associations', '/associations', { width: 1280 }],
    ['files', '/files', { width: 1280 }],
    ['audit', '/audit', { width: 1280, dark: true }],
  ] as const;
  const wanted = process.argv.slice(2);
  for (const [name, place, look] of shots) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const context = await browser.newContext({
      viewport: { width: look.width, height: look.width < 500 ? 844 : 900 },
      colorScheme: 'dark' in look ? 'dark' : 'light',
    });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error') throw new Error(`${name}: ${message.text()}`);
    });
    await logIn(page, url);
    await page.goto(url + place);
    await page.locator('[data-live-state]', { hasText: 'Live' }).waitFor();
    const picture = await page.screenshot({ fullPage: true });
    const { width, height } = await sharp(picture).metadata();
    await sharp(picture)
      .extract({ left: 0, top: 0, width, height: Math.min(height, 1800) })
      .png({ palette: true, colors: 128, effort: 10 })
      .toFile(path.join(OUTPUT, `${name}.png`));
    await context.close();
  }
}

async function logIn(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('navigation', { name: 'Sections' }).waitFor();
}

await main();
