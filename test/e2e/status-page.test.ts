import fs from 'node:fs/promises';
import path from 'node:path';

import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { RouteRule } from '../../src/core/routing/route.ts';
import { askForStudy } from '../support/access-webhook.ts';
import { syntheticStudy } from '../support/data-sets.ts';
import { sendObjects } from '../support/send-objects.ts';
import { waitUntil } from '../support/wait-until.ts';
import { areAllCreated, CENTRES, createSite, type Site } from '../support/site.ts';

const ADMIN_TOKEN = 'a-token-for-the-browser';
const { city, north } = CENTRES;

let site: Site;
let browser: Browser;
let page: Page;
/** What the browser complained of: errors of the script, refused loads, violations of the policy. */
const complaints: string[] = [];

beforeAll(async () => {
  site = await createSite({
    adminToken: ADMIN_TOKEN,
    config: {
      studies: { stableAfterSeconds: 1, stableAfterReleaseSeconds: 0 },
      routes: [{ calledAe: city.calledAe, callingAe: ['CT1'], customer: city.customer }],
    },
  });
  await site.start();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
});
afterAll(async () => {
  await browser.close();
  await site.close();
});

const url = (place: string): string => `http://127.0.0.1:${site.daemon.admin.port}${place}`;
const study = (seed: string) => [...syntheticStudy({ rows: 32, columns: 32, seed, instancesPerSeries: 3 })];
const send = (seed: string, callingAe = 'CT1') =>
  sendObjects(study(seed), { to: site.daemon.dimse, calledAe: city.calledAe, callingAe });

/** Waits until the audit page has so many rows of a session; entries are on disk within a second. */
const auditShows = (name: RegExp, rows: number): Promise<true> =>
  waitUntil(`the audit trail has ${String(name)}`, async () => {
    await page.goto(url('/audit'));
    const shown = await page
      .getByRole('row', { name })
      .getByText(/^session:/)
      .count();
    return shown === rows ? true : undefined;
  });

it('asks for the token, by keyboard alone, and goes on to where one wanted to', async () => {
  await page.goto(url('/studies'));
  await page.keyboard.type('not the token');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('That is not the admin token.').waitFor();
  // The browser notes the 401 of a wrong token; that one is wanted.
  expect(complaints.splice(0)).toHaveLength(1);
  await page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Studies', level: 1 }).waitFor();
  await page.getByText('No study has come in yet.').waitFor();
});

it('shows a study that arrives without being asked again, down to its timeline', async () => {
  await page.goto(url('/'));
  await page.getByText('All is well.').waitFor();
  await page.locator('[data-live-state]', { hasText: 'Live' }).waitFor();
  expect(await send('arrives')).toEqual([0, 0, 0]);
  const row = page.getByRole('row', { name: /CT · 3 images/ });
  await row.waitFor();
  await row.getByText('at Avara').waitFor();
  await row.getByRole('link', { name: 'CT · 3 images' }).click();
  const timeline = page.locator('.timeline');
  await timeline.getByText('3 images received from CT1').waitFor();
  await timeline.getByText('Complete with 3 images').waitFor();
  await timeline.getByText('Created at Avara for the viewer').waitFor();

  const [listed] = await site.studies();
  const answer = await askForStudy({
    url: site.webhookUrl(),
    secret: city.webhookSecret,
    studyId: listed?.avara[0]?.studyId ?? '',
    studyInstanceUid: listed?.studyInstanceUid ?? '',
  });
  expect(answer.authorized).toBe(true);
  await timeline.getByText('Viewed at Avara').waitFor();
});

it('shows the patient only when asked, keeps that through updates, and takes it down', async () => {
  expect(await page.content()).not.toMatch(/Builder|Synthia|SYN-1\b/);
  await page.getByRole('button', { name: 'Show patient' }).click();
  await page.getByText('Builder Synthia').waitFor();
  const picture = page.getByRole('img', { name: 'Series 1' });
  await picture.scrollIntoViewIfNeeded();
  await waitUntil('the picture is there', async () => {
    const width = await picture.evaluate(
      (image) => (image as unknown as { naturalWidth: number }).naturalWidth,
    );
    return width > 0 ? true : undefined;
  });
  await send('another');
  await site.studiesWhen('the other is at Avara', (all) => all.length === 2 && areAllCreated(all));
  expect(await page.getByText('Builder Synthia').isVisible()).toBe(true);
  await auditShows(/admin\.action\s+show-patient/, 1);
});

it('retries what Avara did not take, with one click', async () => {
  site.emulator.faults.add({
    match: { method: 'POST', product: 'viewer' },
    times: 1,
    fault: { type: 'status', status: 422, message: 'severity is odd' },
  });
  await page.goto(url('/'));
  await send('is refused');
  const card = page.locator('.card.bad');
  await card.getByText('severity is odd').waitFor();
  await page.getByRole('heading', { level: 1, name: '1 study needs attention' }).waitFor();
  await card.getByRole('button', { name: /Try again/ }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('status').getByText('1 delivery is tried again now.').waitFor();
  await card.waitFor({ state: 'detached' });
  await site.studiesWhen('all are at Avara', (all) => all.length === 3 && areAllCreated(all));
  await page.getByText('All is well.').waitFor();
});

it('tells how to let an unknown sender in, and that line does', async () => {
  await page.goto(url('/senders'));
  await expect(send('of a stranger', 'CT_NEW')).rejects.toThrow(/calling-ae-title|calling AE title/i);
  const card = page.locator('[data-key^="refused-"]', { hasText: 'CT_NEW' });
  await card.getByText('What it proposed').click();
  await card.getByText('CT Image Storage').first().waitFor();
  const entry = JSON.parse(
    (await card.locator('[data-suggestion]').first().textContent()) ?? '',
  ) as RouteRule;

  const file = path.join(site.folder, 'config.json');
  const config = JSON.parse(await fs.readFile(file, 'utf8')) as { routes: RouteRule[] };
  expect(await card.getByText('replace').first().textContent()).toContain('routes[0]');
  config.routes[0] = entry;
  await fs.writeFile(file, JSON.stringify(config));
  site.daemon.process.kill('SIGHUP');
  await site.daemon.logged(({ msg }) => msg === 'configuration reloaded');
  expect(await send('of a stranger', 'CT_NEW')).toEqual([0, 0, 0]);
  await page.getByText('would be admitted now, to city-medical').waitFor();
  await card.getByRole('button', { name: /Forget/ }).click();
  await card.waitFor({ state: 'detached' });
  await page.getByRole('row', { name: /CT_NEW/ }).waitFor();
});

it('finds a study by what somebody on the telephone knows', async () => {
  await page.goto(url('/'));
  await page.keyboard.press('/');
  await page.getByRole('searchbox').waitFor();
  await page.getByRole('searchbox').fill('builder');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=builder/);
  expect(await page.getByRole('row', { name: /CT · 3 images/ }).count()).toBe(4);
  await page.getByRole('searchbox').fill('nobody of that name');
  await page.keyboard.press('Enter');
  await page.getByText('No study fits.').waitFor();
});

it('moves a study to the customer that it belongs to, at Avara too', async () => {
  await send('goes to the other centre');
  const [moving] = await site.studiesWhen('it is at Avara', (all) => all.length === 5 && areAllCreated(all));
  if (moving === undefined) throw new Error('no study');
  await page.goto(url(`/studies/${city.customer}/${moving.studyInstanceUid}`));
  await page.getByLabel('Customer to move it to').selectOption(north.customer);
  await page.getByRole('button', { name: 'Move', exact: true }).click();
  await page.waitForURL(new RegExp(`/studies/${north.customer}/${moving.studyInstanceUid}`));
  // The timeline moved along and tells of the first creation already: only the records tell of the second.
  await site.studiesWhen('it is at Avara for the other', (all) => {
    const moved = all.filter(({ studyInstanceUid }) => studyInstanceUid === moving.studyInstanceUid);
    return moved.some(({ customer }) => customer === north.customer) && areAllCreated(moved);
  });
  const atAvara = await waitUntil('Avara has both records', () => {
    const both = site.emulator.state
      .studies()
      .filter(({ studyInstanceUid }) => studyInstanceUid === moving.studyInstanceUid);
    return both.length === 2 && both.some(({ isCancelled }) => isCancelled) ? both : undefined;
  });
  expect(
    atAvara.map(({ expressCustomerId, isCancelled }) => [expressCustomerId, isCancelled]).sort(),
  ).toEqual([
    [city.expressCustomerId, true],
    [north.expressCustomerId, false],
  ]);
  await page.goto(url(`/studies?customer=${north.customer}`));
  await page.getByRole('row', { name: /CT · 3 images/ }).waitFor();
  await site.studiesWhen('nothing is left under the other', (all) =>
    all.every(({ customer, studyInstanceUid }) =>
      customer === north.customer ? true : studyInstanceUid !== moving.studyInstanceUid,
    ),
  );
  await auditShows(/admin\.action\s+move-study north-clinic/, 1);
  await auditShows(/study\.moved/, 2);
});

it('works without its script', async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const plain = await context.newPage();
  await plain.goto(url('/'));
  await plain.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await plain.getByRole('button', { name: 'Log in' }).click();
  await plain.getByText('All is well.').waitFor();
  await plain.goto(url('/studies'));
  await plain.getByRole('link', { name: 'CT · 3 images' }).first().click();
  await plain.getByRole('button', { name: 'Show patient' }).click();
  await plain.getByText('Builder Synthia').waitFor();
  await context.close();
});

it('never made the browser complain', () => {
  expect(complaints).toEqual([]);
});
