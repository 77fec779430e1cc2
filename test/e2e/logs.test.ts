import fs from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { extractHeader, HEADER_TAGS } from '../../src/core/study/extract-header.ts';
import { createDataSetScanner } from '../../src/dicom/part10/data-set-scanner.ts';
import { assumedTransferSyntax } from '../../src/dicom/transfer-syntax.ts';
import { uid } from '../../src/dicom/uid.ts';
import { storeObjects } from '../../src/dimse/scu/store-scu.ts';
import { askForStudy } from '../support/access-webhook.ts';
import { dataSetOf, syntheticCt } from '../support/data-sets.ts';
import { FIXTURE_FILES } from '../support/fixture-files.ts';
import { connectScriptedPeer, dataSetPdus, storeRq } from '../support/scripted-peer.ts';
import { sendObjects } from '../support/send-objects.ts';
import { CENTRES, createSite, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const { city, north } = CENTRES;
const ADMIN_TOKEN = 'admin-token-of-a-test-0123456789';
/** Attributes that identify a patient or a visit. */
const PRIVATE_KEYWORDS = [
  'PatientName',
  'PatientID',
  'PatientBirthDate',
  'AccessionNumber',
  'ReferringPhysicianName',
  'StudyDescription',
] as const;
/** Shorter values stand in UIDs, ports and times by chance. */
const MIN_LENGTH = 5;

const personal = {
  patientName: 'Zwetschgenbaum^Quirin',
  patientId: 'PAT-QZ-90210',
  accessionNumber: 'ACC-QZ-77',
  studyDescription: 'Unspeakable examination',
};
const mine = syntheticCt({ ...personal, seed: 'mine', rows: 32, columns: 32 });

let site: Site;
beforeAll(async () => {
  site = await createSite({
    config: {
      admin: { host: '127.0.0.1', port: 0, token: ADMIN_TOKEN },
      studies: { stableAfterSeconds: 1, stableAfterReleaseSeconds: 0 },
      log: { level: 'debug' },
    },
  });
  await site.start();
});
afterAll(() => site.close());

const countLogged = (msg: string): number => site.daemon.log.filter((line) => line.msg === msg).length;

it('a whole run, with most of what can go wrong, logs no patient and no secret', async () => {
  const { daemon, emulator } = site;
  const to = daemon.dimse;
  // Avara repeats what it was sent in its refusals.
  emulator.faults.add({
    match: { method: 'POST' },
    times: 1,
    fault: { type: 'status', status: 422, message: `studyDescription: ${personal.studyDescription}` },
  });
  expect(await sendObjects([mine], { to, calledAe: city.calledAe })).toEqual([0]);
  await daemon.logged(({ msg }) => msg === 'a delivery needs attention');

  await sendAllFixtures();
  const conflicting = syntheticCt({ ...personal, seed: 'mine', rows: 32, columns: 32, pixelSeed: 5 });
  const incomplete = syntheticCt({
    ...personal,
    seed: 'no study',
    rows: 16,
    columns: 16,
    omit: [0x0020_000d],
  });
  const misnamed = {
    ...syntheticCt({ ...personal, seed: 'a', rows: 16, columns: 16 }),
    sopInstanceUid: uid('2.25.9'),
  };
  const statuses = await sendObjects([conflicting, incomplete, misnamed], { to, calledAe: city.calledAe });
  expect(statuses).toEqual([0, 0xc000, 0xa900]);
  const peer = await connectScriptedPeer(to.port);
  await peer.associate();
  peer.send(storeRq(), dataSetPdus(mine.dataSet).subarray(0, 3000), Buffer.from(personal.patientName));
  peer.destroy();
  await expect(sendObjects([mine], { to, calledAe: 'NOBODY' })).rejects.toThrow('rejected');

  const studies = new Set(FIXTURE_FILES.map((file) => `${file.calledAeTitle} ${file.studyInstanceUid}`)).size;
  await waitUntil('all studies at Avara', () =>
    countLogged('study is at Avara') === studies ? true : undefined,
  );
  const tokens = await viewEverything();

  const admin = `http://${daemon.admin.host}:${daemon.admin.port}`;
  for (const authorization of [`Bearer ${ADMIN_TOKEN}`, 'Bearer wrong']) {
    await fetch(`${admin}/api/studies?q=${encodeURIComponent(personal.patientName)}`, {
      headers: { authorization },
    });
  }
  await fetch(`${admin}/login`, { method: 'POST', body: new URLSearchParams({ token: `${ADMIN_TOKEN}x` }) });
  expect(await daemon.stop()).toBe(0);

  const log = [...daemon.log.map((line) => JSON.stringify(line)), ...daemon.noise].join('\n');
  const audit = await readAudit();
  for (const told of [mine.studyInstanceUid, city.calledAe, 'Avara answered 422'])
    expect(log).toContain(told);
  expect(audit).toContain('object.served');
  const secrets = [
    ADMIN_TOKEN,
    ...[city, north].flatMap(({ apiKey, webhookSecret }) => [apiKey, webhookSecret]),
    ...[city, north].map(({ webhookSecret }) => webhookSecret.replace('whsec_', '')),
    ...tokens,
  ];
  const names = await privateValues();
  expect(names.length).toBeGreaterThan(30);
  for (const [what, written] of [
    ['log', log],
    ['audit trail', audit],
  ] as const) {
    expect(
      secrets.filter((secret) => written.includes(secret)),
      `secrets in the ${what}`,
    ).toEqual([]);
    expect(
      names.filter((name) => written.includes(name)),
      `patient data in the ${what}`,
    ).toEqual([]);
  }
});

async function sendAllFixtures(): Promise<void> {
  for (const { calledAe } of [city, north]) {
    const objects = await Promise.all(
      FIXTURE_FILES.filter(({ calledAeTitle }) => calledAeTitle === calledAe).map(async (file) => {
        const dataSet = dataSetOf(await fs.readFile(file.path));
        return { ...file, readDataSet: () => dataSet };
      }),
    );
    const unsent = await storeObjects({
      ...site.daemon.dimse,
      callingAeTitle: 'SCANNER',
      calledAeTitle: calledAe,
      objects,
    });
    expect(unsent).toEqual([]);
  }
}

/** Opens each study as Avara does, and once as somebody who may not. @returns the tokens that were handed out. */
async function viewEverything(): Promise<readonly string[]> {
  const tokens = new Set<string>();
  for (const { studyId, studyInstanceUid, expressCustomerId } of site.emulator.state.studies()) {
    const [own, other] = expressCustomerId === city.expressCustomerId ? [city, north] : [north, city];
    const question = { url: site.webhookUrl(), studyId, studyInstanceUid };
    const { urls } = await askForStudy({ ...question, secret: own.webhookSecret });
    expect(urls.length).toBeGreaterThan(0);
    for (const url of urls) {
      tokens.add(new URL(url).searchParams.get('token') ?? '');
      await (await fetch(url)).arrayBuffer();
      expect((await fetch(`${url}x`)).status).toBe(401);
    }
    await askForStudy({ ...question, secret: other.webhookSecret });
    await askForStudy({ ...question, secret: `${other.webhookSecret}x` });
    await askForStudy({ ...question, secret: own.webhookSecret, studyInstanceUid: personal.patientName });
  }
  return [...tokens];
}

async function readAudit(): Promise<string> {
  const folder = path.join(site.folder, 'data/audit');
  const files = await fs.readdir(folder);
  return (await Promise.all(files.map((file) => fs.readFile(path.join(folder, file), 'utf8')))).join('');
}

/** What the objects sent say of their patients: whole values, and the parts of names. */
async function privateValues(): Promise<readonly string[]> {
  const values = new Set<string>();
  const add = (dataSet: Buffer, transferSyntaxUid: string): void => {
    const transferSyntax = assumedTransferSyntax(uid(transferSyntaxUid));
    const scanner = createDataSetScanner({ transferSyntax, wanted: HEADER_TAGS });
    scanner.write(dataSet);
    const extracted = extractHeader(scanner.end());
    if (!extracted.ok) throw new Error(extracted.reason);
    for (const keyword of PRIVATE_KEYWORDS) {
      const value = extracted.header.study[keyword];
      if (value === undefined) continue;
      for (const part of keyword.endsWith('Name') ? [value, ...value.split(/[\^= ]+/)] : [value]) {
        if (part.length >= MIN_LENGTH || /[^\p{ASCII}]/u.test(part)) values.add(part);
      }
    }
  };
  add(mine.dataSet, mine.transferSyntaxUid);
  for (const file of FIXTURE_FILES) add(dataSetOf(await fs.readFile(file.path)), file.transferSyntaxUid);
  return [...values];
}
