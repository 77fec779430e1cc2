import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { findFiles, type SendableFile } from '../../src/cli/send/find-files.ts';
import { sendFiles } from '../../src/cli/send/send-files.ts';
import { runCli } from '../support/cli.ts';
import { dataSetOf, part10Of, syntheticCt, TRANSFER_SYNTAX, uidFromSeed } from '../support/data-sets.ts';
import type { SyntheticInstance } from '../support/data-sets.ts';
import { startDimseServer } from '../support/dimse-server.ts';
import type { RunningDimseServer } from '../support/dimse-server.ts';
import { FIXTURE_FILES } from '../support/fixture-files.ts';
import { createMemoryIntake } from '../support/memory-intake.ts';
import { arePeersInstalled, runPeer } from '../support/peer-programs.ts';
import { sha256Of } from '../support/send-objects.ts';
import { waitUntil } from '../support/wait-until.ts';

interface Listed {
  readonly path: string;
  readonly reason: string;
}
interface Report {
  readonly sent: number;
  readonly bytes: number;
  readonly warnings: readonly Listed[];
  readonly refused: readonly Listed[];
  readonly notAccepted: readonly Listed[];
  readonly unsent: readonly Listed[];
  readonly unreadable: readonly Listed[];
  readonly skipped: readonly Listed[];
  readonly failure: { readonly reason: string; readonly message: string } | null;
}

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/data');
const SCANNER = ['--called', 'CITYMED', '--calling', 'CT1'];

let folder: string;
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'send-'));
});
afterEach(() => fs.rm(folder, { recursive: true, force: true }));

async function writeFile(name: string, instance: SyntheticInstance): Promise<string> {
  const file = path.join(folder, name);
  await fs.mkdir(path.dirname(file), { recursive: true });
  await fs.writeFile(file, part10Of(instance));
  return file;
}

async function sendTo(
  port: number,
  ...argv: readonly string[]
): Promise<{ code: number | null; report: Report }> {
  const { code, out, err } = await runCli('send', ...argv, '--to', `127.0.0.1:${port}`, '--json');
  if (out === '') throw new Error(err);
  return { code, report: JSON.parse(out) as Report };
}

describe('to an acceptor of ours', () => {
  let running: RunningDimseServer | undefined;
  const start = async (options: Parameters<typeof startDimseServer>[0] = {}): Promise<RunningDimseServer> => {
    running = await startDimseServer(options);
    return running;
  };
  afterEach(async () => {
    await running?.server.close();
    running = undefined;
  });

  test('sends a folder of every kind of object byte for byte, each in its own Transfer Syntax', async () => {
    const { port, intake } = await start();
    const { code, report } = await sendTo(port, FIXTURES, ...SCANNER);
    expect(report).toMatchObject({ sent: FIXTURE_FILES.length, refused: [], unreadable: [], failure: null });
    expect(code).toBe(0);
    const received = intake.received.map(({ declared, digest }) => ({ ...declared, digest }));
    expect(received).toEqual(
      expect.arrayContaining(
        FIXTURE_FILES.map(({ sopClassUid, sopInstanceUid, transferSyntaxUid, dataSetSha256 }): unknown =>
          expect.objectContaining({ sopClassUid, sopInstanceUid, transferSyntaxUid, digest: dataSetSha256 }),
        ),
      ),
    );
    expect(received).toHaveLength(FIXTURE_FILES.length);
    // The manifest of the fixtures is no DICOM: noted, and no failure.
    expect(report.skipped).toEqual([
      { path: path.join(FIXTURES, 'manifest.json'), reason: 'looks like text' },
    ]);
  });

  test('shares the files among parallel Associations', async () => {
    const { port, intake, summaries } = await start();
    for (let number = 1; number <= 12; number += 1) {
      await writeFile(`${number}.dcm`, syntheticCt({ rows: 16, columns: 16, instanceNumber: number }));
    }
    const { code, report } = await sendTo(port, folder, ...SCANNER, '--associations', '4');
    expect({ code, sent: report.sent }).toEqual({ code: 0, sent: 12 });
    expect(intake.received).toHaveLength(12);
    await waitUntil('every Association over', () => (summaries.length === 4 ? true : undefined));
    expect(summaries.map(({ objects, outcome }) => ({ objects, outcome }))).toEqual(
      Array.from({ length: 4 }, () => ({ objects: 3, outcome: 'released' })),
    );
  });

  test('leaves to the others what an Association beyond the peer’s limit should have sent', async () => {
    const { port, intake, rejections } = await start({ maxAssociations: 1 });
    for (let number = 1; number <= 6; number += 1) {
      await writeFile(`${number}.dcm`, syntheticCt({ rows: 256, columns: 256, instanceNumber: number }));
    }
    const { code, report } = await sendTo(port, folder, ...SCANNER, '--associations', '3');
    expect(report).toMatchObject({ sent: 6, unsent: [], failure: null });
    expect(code).toBe(0);
    expect(intake.received).toHaveLength(6);
    expect(rejections).toContain('local-limit-exceeded');
  });

  test('sends more kinds of objects than one Association can propose', async () => {
    const { port, intake, summaries } = await start();
    const syntaxes = ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1'];
    const instances = Array.from({ length: 150 }, (_, index) => ({
      ...syntheticCt({ rows: 4, columns: 4, instanceNumber: index + 1 }),
      sopClassUid: `1.2.826.0.1.3680043.9.${Math.floor(index / 2)}` as SyntheticInstance['sopClassUid'],
      transferSyntaxUid: syntaxes[index % 2] as SyntheticInstance['transferSyntaxUid'],
    }));
    for (const [index, instance] of instances.entries()) await writeFile(`${index}.dcm`, instance);
    const { code, report } = await sendTo(port, folder, ...SCANNER);
    expect(report).toMatchObject({ sent: 150, notAccepted: [], unsent: [] });
    expect(code).toBe(0);
    const pairs = intake.received.map(
      ({ declared }) => `${declared.sopClassUid} ${declared.transferSyntaxUid}`,
    );
    expect(new Set(pairs).size).toBe(150);
    expect(summaries.length).toBe(3);
  });

  test('names what was refused with its Status, and sends the rest', async () => {
    const bad = uidFromSeed('bad');
    const { port } = await start({
      intake: createMemoryIntake({
        outcome: ({ sopInstanceUid }) =>
          sopInstanceUid === bad
            ? { kind: 'refused', code: 'out-of-resources', message: 'disk full' }
            : { kind: 'stored', key: undefined as never },
      }),
    });
    await writeFile('good.dcm', syntheticCt({ rows: 8, columns: 8 }));
    const refused = await writeFile('bad.dcm', syntheticCt({ rows: 8, columns: 8, sopInstanceUid: bad }));
    const { code, report } = await sendTo(port, folder, ...SCANNER);
    expect(code).toBe(1);
    expect(report).toMatchObject({
      sent: 1,
      refused: [{ path: refused, reason: '0xA700 out of resources: disk full' }],
    });
  });

  test('names what is no DICOM file, ends too soon or does not exist', async () => {
    const { port } = await start();
    const good = await writeFile('good.dcm', syntheticCt({ rows: 8, columns: 8 }));
    const text = path.join(folder, 'notes.txt');
    await fs.writeFile(text, 'not an image');
    const cut = path.join(folder, 'cut.dcm');
    await fs.writeFile(cut, (await fs.readFile(good)).subarray(0, 200));
    const missing = path.join(folder, 'missing.dcm');
    const { code, report } = await sendTo(port, good, text, cut, missing, ...SCANNER);
    expect(code).toBe(1);
    expect(report).toMatchObject({
      sent: 1,
      unreadable: [
        { path: text, reason: 'looks like text' },
        { path: cut, reason: 'ends inside its File Meta Information' },
        { path: missing, reason: 'does not exist' },
      ],
    });
  });

  test('goes on with the rest where a file is gone when its turn comes', async () => {
    const { port, intake } = await start();
    const files: SendableFile[] = [];
    for (let number = 1; number <= 5; number += 1) {
      await writeFile(`${number}.dcm`, syntheticCt({ rows: 8, columns: 8, instanceNumber: number }));
    }
    for await (const found of findFiles([folder])) if (found.kind === 'sendable') files.push(found);
    await fs.rm(path.join(folder, '2.dcm'));
    await fs.truncate(path.join(folder, '4.dcm'), 600);
    const outcomes: string[] = [];
    const failure = await sendFiles({
      host: '127.0.0.1',
      port,
      callingAeTitle: 'CT1',
      calledAeTitle: 'CITYMED',
      timeoutMs: 10_000,
      associations: 1,
      files,
      onDone: ({ file, kind, reason = '' }) =>
        void outcomes.push(`${path.basename(file.path)} ${kind} ${reason}`.trim()),
    });
    expect(failure).toBeUndefined();
    expect(outcomes.sort()).toEqual([
      '1.dcm sent',
      '2.dcm unreadable could not be read (ENOENT)',
      '3.dcm sent',
      '4.dcm unreadable became shorter while it was being sent',
      '5.dcm sent',
    ]);
    expect(intake.received).toHaveLength(3);
  });

  test('prints a summary for people, and says what to do about a rejection', async () => {
    const { port } = await start();
    const file = await writeFile('good.dcm', syntheticCt({ rows: 8, columns: 8 }));
    const to = ['--to', `127.0.0.1:${port}`];
    const good = await runCli('send', file, ...to, ...SCANNER);
    expect(good).toMatchObject({ code: 0, err: '' });
    expect(good.out).toMatch(/^1 objects, .* in \d+ s/);
    expect(good.out).toMatch(/Sent +1 +the peer answered Success/);
    const rejected = await runCli('send', file, ...to, '--called', 'NOBODY');
    expect(rejected.code).toBe(1);
    expect(rejected.err).toContain('Association rejected (called AE title not recognized)');
    expect(rejected.err).toContain('hint: compare both AE titles');
    expect(rejected.out).toMatch(/Not sent +1/);
  });
});

test('ends with 3 where nothing listens', async () => {
  const unused = createServer().listen(0, '127.0.0.1');
  await once(unused, 'listening');
  const { port } = unused.address() as AddressInfo;
  unused.close();
  await once(unused, 'close');
  const file = await writeFile('good.dcm', syntheticCt({ rows: 8, columns: 8 }));
  const { code, report } = await sendTo(port, file, '--called', 'PACS');
  expect(code).toBe(3);
  expect(report).toMatchObject({ sent: 0, failure: { reason: 'unreachable' } });
  expect(report.unsent).toHaveLength(1);
});

const isDcmtkThere = arePeersInstalled('storescp', 'echoscu');

describe.runIf(isDcmtkThere)('to DCMTK storescp', () => {
  let storescp: ChildProcess | undefined;
  let port: number;
  let inbox: string;

  async function start(...options: readonly string[]): Promise<void> {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    ({ port } = free.address() as AddressInfo);
    free.close();
    await once(free, 'close');
    inbox = path.join(folder, 'inbox');
    await fs.mkdir(inbox);
    storescp = spawn('storescp', [...options, '-od', inbox, String(port)], { stdio: 'ignore' });
    await waitUntil('storescp answering', async () => {
      const { code } = await runPeer('echoscu', ['127.0.0.1', String(port)]);
      return code === 0 ? true : undefined;
    });
  }
  afterEach(async () => {
    if (storescp === undefined) return;
    storescp.kill();
    await once(storescp, 'close');
    storescp = undefined;
  });

  test('every object arrives byte for byte', async () => {
    // +B writes what comes in as it is, +xa takes every Transfer Syntax.
    await start('+B', '+xa');
    // One of the studies has the SOP Instance UIDs of another, which storescp would overwrite.
    const files = FIXTURE_FILES.filter(({ file }) => !file.startsWith('northcln/ct-abdomen/'));
    const { code, report } = await sendTo(port, ...files.map((file) => file.path), '--called', 'STORESCP');
    expect(report).toMatchObject({ sent: files.length, refused: [], notAccepted: [], unsent: [] });
    expect(code).toBe(0);
    const digests = new Set<string>();
    for (const name of await fs.readdir(inbox)) {
      digests.add(sha256Of(dataSetOf(await fs.readFile(path.join(inbox, name)))));
    }
    expect(digests).toEqual(new Set(files.map(({ dataSetSha256 }) => dataSetSha256)));
  });

  test('what it takes in another Transfer Syntax only is named, and nothing is sent in its place', async () => {
    await start('+xi');
    const explicit = await writeFile('explicit.dcm', syntheticCt({ rows: 8, columns: 8 }));
    const implicit = syntheticCt({
      rows: 8,
      columns: 8,
      instanceNumber: 2,
      transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian,
    });
    const file = await writeFile('implicit.dcm', implicit);
    const { code, report } = await sendTo(port, explicit, file, '--called', 'STORESCP');
    expect(code).toBe(1);
    expect(report).toMatchObject({ sent: 1, notAccepted: [{ path: explicit }] });
    const names = await fs.readdir(inbox);
    expect(names).toHaveLength(1);
    expect(names[0]).toContain(implicit.sopInstanceUid);
  });
});
