import { once } from 'node:events';
import fs from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWebhookReceiver } from '../../src/avara/webhooks/webhook-receiver.ts';
import type { StudyIndex } from '../../src/core/ports/study-index.ts';
import type { WebhookReceiver } from '../../src/core/ports/webhook-receiver.ts';
import { customerKey } from '../../src/core/study/instance.ts';
import { createAvaraEmulator } from '../../src/emulator/avara-emulator.ts';
import type { AvaraEmulator } from '../../src/emulator/avara-emulator.ts';
import { MISBEHAVIOURS } from '../../src/emulator/webhook-sender.ts';
import { createSystemClock } from '../../src/platform/clock.ts';
import { openSqliteIndex } from '../../src/sqlite/study-index.ts';
import { ACCOUNT, accountOptions, VIEWER_CREATE } from '../support/emulated-account.ts';
import { createRecordingLogger } from '../support/recording-logger.ts';
import { storedInstance } from '../support/stored-instance.ts';

const STUDY = VIEWER_CREATE.studyInstanceUid;
const INSTANCES = 30;

let emulator: AvaraEmulator;
let server: Server;
let folder: string;
let index: StudyIndex;
let studyId: string;
let answeredUrls: readonly string[];

/** The receiver behind a bare HTTP server. */
async function serve(receiver: WebhookReceiver): Promise<string> {
  server = createServer((request, response) => {
    void (async () => {
      const { status, body } = await receiver.receive({
        body: await buffer(request),
        header: (name) => request.headersDistinct[name] ?? [],
      });
      const text = body instanceof Buffer ? body.toString() : JSON.stringify(body);
      answeredUrls = (JSON.parse(text) as { urls?: string[] }).urls ?? [];
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function receiveStudy(): Promise<void> {
  for (let number = 1; number <= INSTANCES; number++) {
    await index.addInstance(
      storedInstance({
        study: STUDY,
        series: `${STUDY}.${(number % 3) + 1}`,
        sop: `${STUDY}.9.${number}`,
        seriesAttributes: { Modality: 'CT', SeriesNumber: String((number % 3) + 1) },
        image: {
          instanceNumber: INSTANCES - number,
          bitsAllocated: 16,
          samplesPerPixel: 1,
          photometricInterpretation: 'MONOCHROME2',
          pixelData: 'integer',
        },
      }),
    );
  }
}

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'avara-webhooks-'));
  ({ index } = openSqliteIndex({ filePath: path.join(folder, 'index.db') }));
  const webhookUrl = await serve(
    createWebhookReceiver({
      secrets: new Map([[customerKey('city-medical'), [ACCOUNT.webhookSecret]]]),
      index,
      objectUrls: {
        forStudy: () => ({ head: (series) => `https://images.example/${series}/`, tail: '' }),
      },
      audit: { record: () => undefined },
      clock: createSystemClock(),
      logger: createRecordingLogger(),
    }),
  );
  emulator = createAvaraEmulator(accountOptions(webhookUrl));
  const { url } = await emulator.start();
  const created = await fetch(`${url}/v1/viewer/studies`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ACCOUNT.allKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(VIEWER_CREATE),
  });
  ({ studyId } = (await created.json()) as { studyId: string });
});

afterEach(async () => {
  await emulator.stop();
  server.close();
  index.close();
  fs.rmSync(folder, { recursive: true });
});

describe('study access over HTTP', () => {
  it.each([
    { scheme: 'avara-headers', key: 'whole-secret' },
    { scheme: 'avara-headers', key: 'decoded-secret' },
    { scheme: 'standard-webhooks' },
  ] as const)(
    'is granted to a viewer that signs with %o, with a manifest it uses in full',
    async (signing) => {
      await receiveStudy();
      const report = await emulator.viewer.openStudy(studyId, { signing, fetchFiles: false });
      expect(report).toMatchObject({ status: 200, authorized: true, problems: [] });
      const sops = report.manifestReport?.series.flatMap((series) =>
        series.sopInstanceUids.map((sop) => `https://images.example/${series.seriesInstanceUid}/${sop}`),
      );
      expect(sops).toHaveLength(INSTANCES);
      expect(answeredUrls).toEqual(sops);
    },
  );

  it.each(MISBEHAVIOURS)('is refused to a sender with: %s', async (misbehaviour) => {
    await receiveStudy();
    const report = await emulator.viewer.openStudy(studyId, { misbehaviour, fetchFiles: false });
    expect(report).toMatchObject({ status: 401, authorized: false });
    expect(answeredUrls).toEqual([]);
  });

  it('is granted again to a replay within the window', async () => {
    await receiveStudy();
    await emulator.viewer.openStudy(studyId, { fetchFiles: false });
    const report = await emulator.viewer.openStudy(studyId, { replay: true, fetchFiles: false });
    expect(report).toMatchObject({ status: 200, authorized: true });
  });

  it('is refused with a reason for a study that is not here', async () => {
    const report = await emulator.viewer.openStudy(studyId, { fetchFiles: false });
    expect(report).toMatchObject({ status: 200, authorized: false, error: 'study not found' });
  });
});
