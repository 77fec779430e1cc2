import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import dcmjsDimse from 'dcmjs-dimse';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { startDimseServer } from '../support/dimse-server.ts';
import type { RunningDimseServer } from '../support/dimse-server.ts';

interface Fixture {
  readonly file: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  readonly transferSyntaxUid: string;
  readonly modality: string;
  readonly dataSetSha256: string;
}

const FIXTURES = join(import.meta.dirname, '../../fixtures/data');
const manifest = JSON.parse(readFileSync(join(FIXTURES, 'manifest.json'), 'utf8')) as {
  readonly instances: readonly Fixture[];
};
const fixtures = manifest.instances.map((fixture) => ({ ...fixture, path: join(FIXTURES, fixture.file) }));
/** The two documents are left out: DCMTK's senders write the lengths of their sequences anew. */
const images = fixtures.filter(({ modality }) => modality !== 'SR' && modality !== 'DOC');
const run = promisify(execFile);

let running: RunningDimseServer;
beforeEach(async () => {
  running = await startDimseServer();
});
afterEach(() => running.server.close());

const hasDcmtk = ((): boolean => {
  try {
    execFileSync('echoscu', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write('DCMTK (echoscu, storescu, dcmsend) is not on PATH: its tests are skipped\n');
    return false;
  }
})();

describe.skipIf(!hasDcmtk)('DCMTK', () => {
  test('echoscu is answered', async () => {
    const ended = running.nextSummary();
    const repeated = ['-aec', 'CITYMED', '-aet', 'ECHOSCU', '--repeat', '5'];
    await run('echoscu', [...repeated, '127.0.0.1', String(running.port)]);
    expect(await ended).toMatchObject({ callingAeTitle: 'ECHOSCU', outcome: 'released' });
  });

  test('echoscu proposing 128 Presentation Contexts with all its Transfer Syntaxes is answered', async () => {
    const ended = running.nextSummary();
    const many = ['-aec', 'CITYMED', '--propose-ts', '38', '--propose-pc', '128'];
    await run('echoscu', [...many, '127.0.0.1', String(running.port)]);
    expect((await ended).contexts).toHaveLength(128);
  });

  test('echoscu is told why it is rejected', async () => {
    const rejected = run('echoscu', ['-aec', 'NOBODY', '127.0.0.1', String(running.port)]);
    await expect(rejected).rejects.toMatchObject({
      stderr: expect.stringContaining('Called AE Title Not Recognized') as string,
    });
  });

  test('echoscu that aborts instead of releasing is no trouble', async () => {
    const ended = running.nextSummary();
    await run('echoscu', ['-aec', 'CITYMED', '--abort', '127.0.0.1', String(running.port)]);
    expect((await ended).outcome).toBe('aborted-by-peer');
  });

  test('dcmsend sends what is compressed as it is, and explicit Data Sets arrive byte for byte', async () => {
    const port = String(running.port);
    const files = images.map(({ path }) => path);
    await run('dcmsend', ['-aec', 'CITYMED', '-aet', 'STORESCU', '-dn', '127.0.0.1', port, ...files]);
    expect(running.intake.received).toHaveLength(images.length);
    const compressed = images.filter((image) => image.transferSyntaxUid.startsWith('1.2.840.10008.1.2.4'));
    const kept = running.intake.received.map(
      ({ declared }) => `${declared.sopInstanceUid ?? ''}${declared.transferSyntaxUid}`,
    );
    for (const image of compressed) expect(kept).toContain(image.sopInstanceUid + image.transferSyntaxUid);
    expect(compressed).not.toHaveLength(0);
    const digests = running.intake.received.map(({ digest }) => digest);
    const explicit = images.filter((image) => image.transferSyntaxUid === '1.2.840.10008.1.2.1');
    expect(digests).toEqual(expect.arrayContaining(explicit.map((image) => image.dataSetSha256)));
  });

  test.each(['16384', '131072'])('storescu with PDUs of up to %s bytes', async (maxSend) => {
    const explicit = images.filter((image) => image.transferSyntaxUid === '1.2.840.10008.1.2.1');
    await run('storescu', [
      ...['-aec', 'CITYMED', '--max-send-pdu', maxSend, '127.0.0.1', String(running.port)],
      ...explicit.map(({ path }) => path),
    ]);
    expect(running.intake.received.map((object) => object.digest)).toEqual(
      explicit.map((image) => image.dataSetSha256),
    );
  });
});

describe('dcmjs-dimse', () => {
  const { Client, requests, constants, log } = dcmjsDimse;
  log.setLevel('silent');
  const first = fixtures[0];

  /** Sends over one Association; resolves with the Status of each response when it is released. */
  function send(
    requested: Parameters<InstanceType<typeof Client>['addRequest']>[0][],
    calledAeTitle = 'CITYMED',
  ) {
    return new Promise<number[]>((resolve, reject) => {
      const statuses: number[] = [];
      const client = new Client();
      for (const request of requested) {
        request.on('response', (response) =>
          statuses.push((response as { getStatus(): number }).getStatus()),
        );
        client.addRequest(request);
      }
      client.on('associationRejected', ({ reason }: { reason: number }) =>
        reject(new Error(`rejected for reason ${reason}`)),
      );
      client.on('networkError', reject);
      client.on('closed', () => resolve(statuses));
      client.send('127.0.0.1', running.port, 'DCMJS', calledAeTitle, {
        asyncOps: { maxAsyncOpsInvoked: 5, maxAsyncOpsPerformed: 5 },
        userIdentity: {
          type: constants.UserIdentityType.UsernameAndPasscode,
          positiveResponseRequested: true,
          primaryField: 'ann',
          secondaryField: 'secret',
        },
      });
    });
  }

  test('echoes and stores, with user identity and an operations window asked for', async () => {
    if (first === undefined) throw new Error('there are no fixtures');
    const statuses = await send([new requests.CEchoRequest(), new requests.CStoreRequest(first.path)]);
    expect(statuses).toEqual([0, 0]);
    expect(running.intake.received).toMatchObject([
      { declared: { sopInstanceUid: first.sopInstanceUid, transferSyntaxUid: first.transferSyntaxUid } },
    ]);
    expect(JSON.stringify(running.logger.lines)).not.toContain('secret');
  });

  test('is told why it is rejected', async () => {
    await expect(send([new requests.CEchoRequest()], 'NOBODY')).rejects.toThrow('rejected for reason 7');
  });
});
