import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { AutoScribeStudy, Study } from '../../src/emulator/model.ts';
import { runCli, type CliRun } from '../support/cli.ts';
import { syntheticCt, part10Of, type SyntheticCtOptions } from '../support/data-sets.ts';
import { arePeersInstalled, runPeer } from '../support/peer-programs.ts';
import { sendObjects } from '../support/send-objects.ts';
import { areAllCreated, CENTRES, createSite, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const { city, north } = CENTRES;
const READER = `usr_${'4'.repeat(32)}`;
const OPEN_TOKEN = 'open-token-of-the-reading-room';
const HAS_STORESCP = arePeersInstalled('storescp', 'dcmdump', 'dcm2pdf');

let site: Site;
let pacs: { port: number; folder: string; process: ChildProcess } | undefined;
const posted: { headers: http.IncomingHttpHeaders; body: Buffer }[] = [];
const receiver = http.createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    posted.push({ headers: request.headers, body: Buffer.concat(chunks) });
    response.end();
  });
});

beforeAll(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  if (HAS_STORESCP) pacs = await startPacs();
  const customer = ({ expressCustomerId, apiKey, webhookSecret }: (typeof CENTRES)['city' | 'north']) => ({
    expressCustomerId,
    products: ['autoScribe', 'viewer'],
    avara: { apiKey, webhookSecret },
  });
  site = await createSite({
    emulator: {
      users: [{ userId: READER, email: 'reader@example.org' }],
      apiKeys: [city, north].map((centre) => ({
        key: centre.apiKey,
        webhookSecret: centre.webhookSecret,
        description: centre.customer,
        studyScope: 'self',
        expressAccess: centre === city ? 'write' : 'read',
      })),
    },
    config: {
      studies: { stableAfterSeconds: 1, stableAfterReleaseSeconds: 0 },
      access: { tokens: [{ name: 'room', token: OPEN_TOKEN, customers: [city.customer] }] },
      customers: {
        [city.customer]: {
          ...customer(city),
          openAs: READER,
          metadata: { region: 'north' },
          reports: {
            folder: './reports-out',
            post: { url: `http://127.0.0.1:${(receiver.address() as net.AddressInfo).port}/reports` },
            ...(pacs !== undefined && { pacs: { aeTitle: 'PACS', host: '127.0.0.1', port: pacs.port } }),
          },
        },
        [north.customer]: customer(north),
      },
    },
  });
  await site.start();
}, 60_000);
afterAll(async () => {
  await site.close();
  receiver.close();
  pacs?.process.kill();
  if (pacs !== undefined) await fs.rm(pacs.folder, { recursive: true, force: true });
});

async function startPacs(): Promise<{ port: number; folder: string; process: ChildProcess }> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'pacs-'));
  const child = spawn('storescp', ['-aet', 'PACS', '-od', folder, '+uf', String(port)], { stdio: 'ignore' });
  await waitUntil('storescp listens', async () => (await canConnect(port)) || undefined);
  return { port, folder, process: child };
}

async function canConnect(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  return isOpen;
}

async function send(centre: 'city' | 'north', options: SyntheticCtOptions): Promise<void> {
  const image = syntheticCt({ rows: 16, columns: 16, ...options });
  const { calledAe } = CENTRES[centre];
  expect(await sendObjects([image], { to: site.daemon.dimse, calledAe })).toEqual([0]);
}

/** The study at Avara, once it is there and nothing is left to tell. */
async function delivered(
  studyInstanceUid: string,
  customer: string = city.customer,
): Promise<readonly Study[]> {
  await site.studiesWhen(`${studyInstanceUid} is at Avara`, (all) => {
    const own = all.filter((one) => one.studyInstanceUid === studyInstanceUid && one.customer === customer);
    return own.length > 0 && areAllCreated(own) && own.every(({ avara }) => avara.length === 2);
  });
  return site.emulator.state.studies().filter((study) => study.studyInstanceUid === studyInstanceUid);
}

async function autoScribeOf(studyInstanceUid: string): Promise<AutoScribeStudy> {
  const study = (await delivered(studyInstanceUid)).find(({ product }) => product === 'autoScribe');
  if (study?.product !== 'autoScribe') throw new Error('no AutoScribe study');
  return study;
}

function cli(command: string, ...argv: readonly string[]): Promise<CliRun> {
  const { host, port } = site.daemon.admin;
  const config = path.join(site.folder, 'config.json');
  const url = command === 'customers' ? [] : ['--url', `http://${host}:${port}`];
  return runCli(command, ...argv, '--config', config, ...url);
}

describe('a study at Avara', () => {
  it('is told what comes later, and never made twice', async () => {
    const study = '2.25.7001';
    await send('city', { studyInstanceUid: study, sopInstanceUid: '2.25.7001.1', patientName: 'Doe^Jane' });
    expect((await delivered(study)).map(({ metadata }) => metadata.region)).toEqual(['north', 'north']);
    await send('city', { studyInstanceUid: study, sopInstanceUid: '2.25.7001.2', patientName: 'Roe^Jane' });
    const listed = await site.studiesWhen('the disagreement', (all) =>
      all.some((one) => one.studyInstanceUid === study && 'disagreements' in one && one.state === 'stable'),
    );
    expect(listed.find((one) => one.studyInstanceUid === study)).toMatchObject({
      disagreements: ['PatientName'],
    });
    expect((await autoScribeOf(study)).reportMetadata.patientName).toBe('Jane Doe');
    expect(await cli('correct', study)).toMatchObject({ code: 0 });
    await waitUntil('the corrected name', async () =>
      (await autoScribeOf(study)).reportMetadata.patientName === 'Jane Roe' ? true : undefined,
    );
    expect(site.emulator.state.studies().filter((one) => one.studyInstanceUid === study)).toHaveLength(2);
  });

  it('is cancelled and uncancelled by the operator', async () => {
    const study = '2.25.7002';
    await send('city', { studyInstanceUid: study });
    await delivered(study);
    const isCancelled = () =>
      site.emulator.state
        .studies()
        .filter((one) => one.studyInstanceUid === study)
        .map((one) => one.isCancelled);
    expect(await cli('cancel', study, '--product', 'viewer')).toMatchObject({ code: 0 });
    await waitUntil('it is cancelled', () => (isCancelled().some(Boolean) ? true : undefined));
    expect(isCancelled().filter(Boolean)).toHaveLength(1);
    expect(await cli('uncancel', study)).toMatchObject({ code: 0 });
    await waitUntil('it is active again', () => (isCancelled().some(Boolean) ? undefined : true));
  });

  it('is opened by a link for whoever has a token of its customer', async () => {
    const study = '2.25.7003';
    await send('city', { studyInstanceUid: study });
    await delivered(study);
    const run = await cli('open', study, '--product', 'viewer');
    expect(run).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^http.*__emulator\/open\//) as unknown,
    });
    const { host, port } = site.daemon.http;
    const open = (query: string, headers: Record<string, string> = {}) =>
      fetch(`http://${host}:${port}/open/${study}${query}`, { redirect: 'manual', headers });
    const bearer = { authorization: `Bearer ${OPEN_TOKEN}` };
    expect((await open('')).status).toBe(401);
    expect((await open('', { authorization: 'Bearer something-else' })).status).toBe(401);
    for (const product of ['viewer', 'autoScribe']) {
      const response = await open(`?product=${product}`, bearer);
      expect(response.status).toBe(302);
      expect(response.headers.get('location')).toContain('/__emulator/open/');
    }
    expect((await open(`?access_token=${OPEN_TOKEN}`)).status).toBe(302);
    await send('north', { studyInstanceUid: '2.25.7004' });
    await delivered('2.25.7004', north.customer);
    const foreign = await fetch(`http://${host}:${port}/open/2.25.7004`, { headers: bearer });
    expect(foreign.status).toBe(404);
  });
});

describe('the other events', () => {
  const study = '2.25.7010';
  let avara: AutoScribeStudy;
  beforeAll(async () => {
    for (const sop of ['1', '2'])
      await send('city', {
        studyInstanceUid: study,
        sopInstanceUid: `${study}.${sop}`,
        patientName: 'Silva^Ana',
        patientId: 'P-7010',
        accessionNumber: 'A-7010',
      });
    avara = await autoScribeOf(study);
  });
  const event = (type: string, data: Record<string, unknown>, apiKey: string = city.apiKey) =>
    site.emulator.eventDesk.send({ type, data, apiKey, webhookUrl: site.webhookUrl() });

  it('open ephemeral sessions over several studies, for their customer only', async () => {
    const desk = site.emulator.eventDesk;
    const others = { apiKey: city.apiKey, webhookUrl: site.webhookUrl() };
    const opened = await desk.openEphemeral({ retrievalId: `${study},2.25.7001` }, others);
    expect(opened).toMatchObject({ authorized: true, problems: [] });
    expect(opened.files).toHaveLength(4);
    expect(opened.manifestReports.map(({ isUsed }) => isUsed)).toEqual([true, true]);
    const foreign = { ...others, apiKey: north.apiKey };
    expect(await desk.openEphemeral({ retrievalId: study }, foreign)).toMatchObject({ authorized: false });
    expect(await desk.openEphemeral({ retrievalId: `${study},2.25.1` }, others)).toMatchObject({
      authorized: false,
      files: [],
    });
  });

  it('take a capture into the study, and nothing else', async () => {
    const sop = `${study}.77`;
    const asked = await event('secondary_capture.access_requested', {
      studyId: avara.studyId,
      studyInstanceUid: study,
      seriesInstanceUid: `${study}.9`,
      sopInstanceUid: sop,
    });
    expect(asked).toMatchObject({ status: 200, problems: [], answer: { authorized: true } });
    const [url = ''] = (asked.answer as { uploadUrls: string[] }).uploadUrls;
    const capture = (options: SyntheticCtOptions) =>
      new Uint8Array(
        part10Of(
          syntheticCt({
            rows: 8,
            columns: 8,
            seriesInstanceUid: `${study}.9`,
            sopInstanceUid: sop,
            ...options,
          }),
        ),
      );
    const uploadCapture = (to: string, bytes: Uint8Array<ArrayBuffer>) =>
      site.emulator.eventDesk.uploadCapture(to, bytes);
    expect(await uploadCapture(url, capture({ studyInstanceUid: '2.25.7001' }))).toBe(422);
    expect(await uploadCapture(url, capture({ studyInstanceUid: study, sopInstanceUid: '2.25.5' }))).toBe(
      422,
    );
    expect(await uploadCapture(url, new Uint8Array(Buffer.from('no DICOM at all')))).toBe(422);
    expect(await uploadCapture(`${url}x`, capture({ studyInstanceUid: study }))).toBe(401);
    expect(await uploadCapture(url, capture({ studyInstanceUid: study }))).toBe(200);
    expect(await uploadCapture(url, capture({ studyInstanceUid: study }))).toBe(200);
    const opened = await site.emulator.viewer.openStudy(avara.studyId, { webhookUrl: site.webhookUrl() });
    expect(opened.files.map(({ sopInstanceUid }) => sopInstanceUid)).toContain(sop);
    expect(opened).toMatchObject({ authorized: true, problems: [] });
    await delivered(study);
    expect(site.emulator.state.studies().filter((one) => one.studyInstanceUid === study)).toHaveLength(2);
  });

  it('add what is known here to studies that Avara’s PACS brought in', async () => {
    const asked = { clinicId: '7d9d6e5e-0000-4000-8000-000000000001', studyInstanceUid: study };
    const answered = await event('patient_study.enrichment_requested', { ...asked, patientId: 'P-7010' });
    expect(answered).toMatchObject({
      problems: [],
      answer: { patientName: 'Ana Silva', mrn: 'P-7010', expressCustomerId: city.expressCustomerId },
    });
    for (const [data, key] of [
      [{ ...asked, patientId: 'someone else' }, city.apiKey],
      [asked, north.apiKey],
      [{ ...asked, studyInstanceUid: '2.25.1' }, city.apiKey],
    ] as const)
      expect(await event('patient_study.enrichment_requested', data, key)).toMatchObject({ answer: {} });
  });

  it('say that there is no worklist', async () => {
    const asked = {
      clinicId: 'x',
      callingAe: 'CT1',
      sourceIp: '10.0.0.1',
      dateStart: '2026-01-01',
      dateEnd: '2026-01-02',
    };
    expect(await event('modality_worklist.requested', asked)).toMatchObject({
      problems: [],
      answer: { authorized: false, items: [] },
    });
  });
});

describe('a report', () => {
  const study = '2.25.7020';
  const deliver = async (options: Parameters<typeof site.emulator.reportDesk.deliver>[1] = {}) => {
    const { studyId } = await autoScribeOf(study);
    return site.emulator.reportDesk.deliver(studyId, { webhookUrl: site.webhookUrl(), ...options });
  };
  const folderOf = (reportId: string) =>
    path.join(site.folder, 'data/reports', city.customer, study, reportId);
  const arrived = (file: string) =>
    waitUntil(`${path.basename(file)} is there`, () => fs.readFile(file).catch(() => undefined));

  /** Until nothing that was delivered waits to be fetched. */
  const allFetched = () =>
    waitUntil('every report is fetched', async () => {
      const { host, port } = site.daemon.admin;
      const status = (await (await fetch(`http://${host}:${port}/api/status`)).json()) as {
        reports: { reports: { pending: number } };
      };
      return status.reports.reports.pending === 0 ? true : undefined;
    });

  it('comes home once, goes where it is wanted, and its addendum is a version of its own', async () => {
    await send('city', {
      studyInstanceUid: study,
      patientName: 'Müller^Jörg',
      patientId: 'P-7020',
      elements: [],
    });
    const first = await deliver({ plainText: 'No finding.', linkLifetimeMs: 0, eventId: 'whe_1' });
    expect(first.problems).toEqual([]);
    const { reportId } = first;
    const pdf = await arrived(path.join(folderOf(reportId), 'v1.pdf'));
    expect(pdf.toString('latin1')).toMatch(/^%PDF-/);
    expect(String(await arrived(path.join(folderOf(reportId), 'v1.txt')))).toBe('No finding.');
    expect(await arrived(path.join(site.folder, 'reports-out', `${study}_${reportId}_v1.pdf`))).toEqual(pdf);

    expect((await deliver({ reportId, eventId: 'whe_1', plainText: 'No finding.' })).problems).toEqual([]);
    expect((await deliver({ reportId, plainText: 'No finding.' })).problems).toEqual([]);
    // The emulator shows every link what the report is by now, as a store that overwrites its files would.
    await allFetched();
    await deliver({ reportId, plainText: 'Addendum.', revision: 'Addendum' });
    const second = await arrived(path.join(folderOf(reportId), 'v2.pdf'));
    expect(second.equals(pdf)).toBe(false);
    await waitUntil('both versions posted', () => (posted.length >= 2 ? true : undefined));
    expect(posted.map(({ headers }) => headers['idempotency-key'])).toEqual([
      `${reportId}/v1`,
      `${reportId}/v2`,
    ]);
    expect(posted[0]?.body.includes(pdf)).toBe(true);
    expect((await fs.readdir(folderOf(reportId))).filter((name) => name.endsWith('.pdf')).sort()).toEqual([
      'v1.pdf',
      'v2.pdf',
    ]);
  });

  it.runIf(HAS_STORESCP)('ends as a valid Encapsulated PDF in a PACS', async () => {
    const stored = await waitUntil('the objects in the PACS', async () => {
      const names = await fs.readdir(pacs?.folder ?? '');
      return names.length >= 2 ? names : undefined;
    });
    const files = stored.map((name) => path.join(pacs?.folder ?? '', name));
    for (const file of files) {
      const { code, output } = await runPeer('dcmdump', ['+U8', '-q', file]);
      expect(code, output).toBe(0);
      expect(output).toMatch(/\(0008,0005\) CS \[ISO_IR 192\]/);
      expect(output).toMatch(/\(0010,0020\) LO \[P-7020\]/);
      expect(output).toContain(`(0020,000d) UI [${study}]`);
      expect(output).toMatch(/\(0042,0010\) ST \[Radiology report\]/);
      const pdfFile = `${file}.pdf`;
      expect(await runPeer('dcm2pdf', [file, pdfFile])).toMatchObject({ code: 0 });
      expect((await fs.readFile(pdfFile)).toString('latin1')).toMatch(/^%PDF-1\.4[^]*%%EOF\n$/);
    }
  });

  it('of an earlier study is told with the next one of the patient', async () => {
    const next = '2.25.7021';
    await send('city', { studyInstanceUid: next, patientId: 'P-7020', patientName: 'Müller^Jörg' });
    const { studyId } = await autoScribeOf(next);
    const hex = studyId.slice(4);
    const uuid = [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ].join('-');
    const answered = await site.emulator.eventDesk.send({
      type: 'clinical_context.enrichment_requested',
      data: { clinicId: 'x', studyId: uuid, studyInstanceUid: next },
      apiKey: city.apiKey,
      webhookUrl: site.webhookUrl(),
    });
    expect(answered.problems).toEqual([]);
    expect(answered.answer).toMatchObject({ priorReports: [{ reportText: 'Addendum.' }] });
  });
});

describe('customers', () => {
  it('are listed with what leads to them, created and changed', async () => {
    expect((await cli('customers', '--account', city.customer)).out).toMatch(
      new RegExp(`${city.expressCustomerId} +city-medical +active +0 +city-medical +CITYMED`),
    );
    const made = await cli('customers', 'create', 'Harbour Imaging', '--account', city.customer);
    expect(made).toMatchObject({ code: 0 });
    expect(made.out).toMatch(/"harbour-imaging": \{ "expressCustomerId": "cus_[0-9a-f]{32}"/);
    const id = /cus_[0-9a-f]{32}/.exec(made.out)?.[0] ?? '';
    const change = (...argv: readonly string[]) => cli('customers', ...argv, '--account', city.customer);
    expect(await change('add-user', id, READER)).toMatchObject({ code: 0 });
    expect(await change('add-user', id, READER)).toMatchObject({ code: 1 });
    expect(await change('update', id, '--name', 'Harbour Clinic')).toMatchObject({ code: 0 });
    expect(await change('deactivate', id)).toMatchObject({ code: 0 });
    expect((await change('list')).out).toMatch(new RegExp(`${id} +Harbour Clinic +inactive +1`));
    expect(await change('remove-user', id, READER)).toMatchObject({ code: 0 });
    expect(await change('reactivate', id)).toMatchObject({ code: 0 });
    // This key may read and not change them.
    const refused = await cli('customers', 'create', 'Another', '--account', north.customer);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('access') as unknown });
  });

  it('that Avara has deactivated are loud', async () => {
    const customer = site.emulator.state.findCustomer(city.expressCustomerId);
    if (customer === undefined) throw new Error('no customer');
    site.emulator.state.putCustomer({ ...customer, isActive: false });
    site.daemon.process.kill('SIGHUP');
    const line = await site.daemon.logged(({ msg }) => msg.includes('is deactivated at Avara'));
    expect(line).toMatchObject({ level: 'error', customer: city.customer });
    expect((await cli('status')).out).toContain(`${city.customer}: ${city.expressCustomerId} is deactivated`);
    const { host, port } = site.daemon.admin;
    const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text();
    expect(metrics).toContain('avara_ingest_customers{state="inactive"} 1');
    site.emulator.state.putCustomer(customer);
  });
});
