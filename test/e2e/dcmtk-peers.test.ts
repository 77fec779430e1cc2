import path from 'node:path';

import dcmjsDimse from 'dcmjs-dimse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FIXTURE_FILES, type FixtureFile } from '../support/fixture-files.ts';
import { listIncoming, readObjectFolder } from '../support/object-folder.ts';
import { arePeersInstalled, runPeer } from '../support/peer-programs.ts';
import { CENTRES, createSite, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';
import { type RecordedStore, startWireRecorder, type WireRecorder } from '../support/wire-recorder.ts';

/** What makes storescu propose a syntax first, by Transfer Syntax UID. */
const STORESCU_FLAGS: Readonly<Record<string, string>> = {
  '1.2.840.10008.1.2': '-xi',
  '1.2.840.10008.1.2.1': '-xe',
  '1.2.840.10008.1.2.2': '-xb',
  '1.2.840.10008.1.2.4.70': '-xs',
  '1.2.840.10008.1.2.5': '-xr',
};
/** dcmsend offers all uncompressed syntaxes together and converts to the one chosen, Explicit VR Little Endian. */
const CONVERTED_BY_DCMSEND: ReadonlySet<string> = new Set(['1.2.840.10008.1.2', '1.2.840.10008.1.2.2']);
/** Sequences of undefined length, to which DCMTK's senders give defined ones: what they send is not what the file has. */
const REWRITTEN_BY_DCMTK: ReadonlySet<string> = new Set([
  'northcln/cr-hand/2-1-report.dcm',
  'northcln/cr-hand/3-1-pdf.dcm',
  'northcln/us-heart/1-1-ybr-rle.dcm',
]);

const ofCustomer = Object.fromEntries(
  Object.values(CENTRES).map(({ calledAe, customer }) => [calledAe, customer]),
);

/** A site of its own per sender: each sends the same objects, and the second would only meet duplicates. */
function useSite(): () => { site: Site; tap: WireRecorder } {
  let site: Site | undefined;
  let tap: WireRecorder | undefined;
  beforeAll(async () => {
    site = await createSite();
    await site.start();
    tap = await startWireRecorder(site.daemon.dimse);
  });
  afterAll(async () => {
    await tap?.close();
    await site?.close();
  });
  return () => {
    if (site === undefined || tap === undefined) throw new Error('not started');
    return { site, tap };
  };
}

/** Files that one run of storescu can send. */
function groupByAssociation(files: readonly FixtureFile[]): FixtureFile[][] {
  const groups = new Map<string, FixtureFile[]>();
  for (const file of files) {
    const name = [file.calledAeTitle, file.callingAeTitle, file.transferSyntaxUid].join(' ');
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [file]);
    else group.push(file);
  }
  return [...groups.values()];
}

/** Each object as one line, so that a difference names it. */
function asLine(
  customer: string,
  { sopInstanceUid, transferSyntaxUid, dataSetBytes, dataSetSha256 }: RecordedStore,
): string {
  return [customer, sopInstanceUid, transferSyntaxUid, dataSetBytes, dataSetSha256].join(' ');
}

async function expectStoredAsSent(site: Site, sent: readonly string[]): Promise<void> {
  const dataDir = path.join(site.folder, 'data');
  await waitUntil('no reception under way', async () =>
    (await listIncoming(dataDir)).length === 0 ? true : undefined,
  );
  const stored = await readObjectFolder(dataDir);
  expect(stored.map((object) => asLine(object.customer, object)).sort()).toEqual([...sent].sort());
}

function linesOfManifest(files: readonly FixtureFile[]): string[] {
  return files.map((file) => asLine(ofCustomer[file.calledAeTitle] ?? '', file));
}

describe.skipIf(!arePeersInstalled('echoscu', 'storescu', 'dcmsend'))('DCMTK', () => {
  describe('storescu', () => {
    const use = useSite();

    it('sends all fixtures, and each is stored as it was sent', async () => {
      const { site, tap } = use();
      const sent: string[] = [];
      for (const files of groupByAssociation(FIXTURE_FILES)) {
        const [first] = files;
        if (first === undefined) continue;
        const { calledAeTitle, callingAeTitle, transferSyntaxUid } = first;
        const flag = STORESCU_FLAGS[transferSyntaxUid];
        if (flag === undefined) throw new Error(`no storescu flag for ${transferSyntaxUid}`);
        const { code, output } = await runPeer('storescu', [
          ...['-R', flag, '-aec', calledAeTitle, '-aet', callingAeTitle, '127.0.0.1', String(tap.port)],
          ...files.map((file) => file.path),
        ]);
        expect({ code, output }).toEqual({ code: 0, output: expect.not.stringMatching(/^[EF]:/m) as string });
        sent.push(...tap.takeStores().map((store) => asLine(ofCustomer[calledAeTitle] ?? '', store)));
      }
      expect(sent).toHaveLength(FIXTURE_FILES.length);
      await expectStoredAsSent(site, sent);
      const untouched = FIXTURE_FILES.filter(({ file }) => !REWRITTEN_BY_DCMTK.has(file));
      expect(sent).toEqual(expect.arrayContaining(linesOfManifest(untouched)));
    });
  });

  describe('dcmsend', () => {
    const use = useSite();

    it('sends all fixtures, and each is stored as it was sent', async () => {
      const { site, tap } = use();
      const sent: string[] = [];
      for (const { calledAe, customer } of Object.values(CENTRES)) {
        const files = FIXTURE_FILES.filter(({ calledAeTitle }) => calledAeTitle === calledAe);
        const { code, output } = await runPeer('dcmsend', [
          ...['-v', '-dn', '-aec', calledAe, '-aet', 'DCMSEND', '127.0.0.1', String(tap.port)],
          ...files.map((file) => file.path),
        ]);
        expect({ code, output }).toMatchObject({ code: 0 });
        expect(output).toMatch(new RegExp(`with status SUCCESS\\s*: ${files.length}`));
        sent.push(...tap.takeStores().map((store) => asLine(customer, store)));
      }
      expect(sent).toHaveLength(FIXTURE_FILES.length);
      await expectStoredAsSent(site, sent);
      const untouched = FIXTURE_FILES.filter(
        ({ file, transferSyntaxUid }) =>
          !REWRITTEN_BY_DCMTK.has(file) && !CONVERTED_BY_DCMSEND.has(transferSyntaxUid),
      );
      expect(sent).toEqual(expect.arrayContaining(linesOfManifest(untouched)));
    });
  });

  describe('echoscu', () => {
    const use = useSite();

    it('is answered under each AE title, and told why under another', async () => {
      const { site } = use();
      const port = String(site.daemon.dimse.port);
      for (const { calledAe } of Object.values(CENTRES)) {
        const answered = await runPeer('echoscu', ['-v', '-aec', calledAe, '127.0.0.1', port]);
        expect(answered).toMatchObject({ code: 0, output: expect.stringContaining('Success') as string });
      }
      const refused = await runPeer('echoscu', ['-aec', 'NOBODY', '127.0.0.1', port]);
      expect(refused.code).not.toBe(0);
      expect(refused.output).toContain('Called AE Title Not Recognized');
    });
  });
});

describe('the client of dcmjs-dimse', () => {
  const use = useSite();
  const { Client, requests, log } = dcmjsDimse;
  log.setLevel('silent');

  it('sends a file, which is accepted and stored as it was sent', async () => {
    const { site, tap } = use();
    const file = FIXTURE_FILES.find(({ modality }) => modality === 'US');
    if (file === undefined) throw new Error('no ultrasound among the fixtures');
    const statuses: number[] = [];
    await new Promise<void>((resolve, reject) => {
      const client = new Client();
      const request = new requests.CStoreRequest(file.path);
      request.on('response', (response) => statuses.push((response as { getStatus(): number }).getStatus()));
      client.addRequest(request);
      client.on('networkError', reject);
      client.on('associationRejected', () => reject(new Error('rejected')));
      client.on('closed', () => resolve());
      client.send('127.0.0.1', tap.port, 'DCMJS', file.calledAeTitle);
    });
    expect(statuses).toEqual([0]);
    const sent = tap.takeStores().map((store) => asLine(ofCustomer[file.calledAeTitle] ?? '', store));
    expect(sent).toHaveLength(1);
    await expectStoredAsSent(site, sent);
  });
});
