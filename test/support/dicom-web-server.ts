import type { Hono } from 'hono';
import { onTestFinished } from 'vitest';

import { SourceReader } from '../../src/core/ingest/source-reader.ts';
import { takeObject } from '../../src/core/ingest/take-object.ts';
import type { InstanceKey } from '../../src/core/study/instance.ts';
import { customerKey } from '../../src/core/study/instance.ts';
import type { InstanceRecord } from '../../src/core/study/study.ts';
import type { DicomWebEnv } from '../../src/http/dicomweb/env.ts';
import { createHttpServer } from '../../src/http/server.ts';
import type { HttpServerOptions } from '../../src/http/server.ts';
import { createDicomWebFixture, TOKENS } from './dicom-web-app.ts';
import { realIntake, type RealIntake } from './real-intake.ts';

/** Parts of the daemon that DICOMweb services are made of. */
export interface DicomWebParts extends RealIntake {
  readonly fixture: Pick<
    ReturnType<typeof createDicomWebFixture>,
    'audit' | 'audited' | 'clock' | 'logger' | 'metrics'
  >;
}

/** DICOMweb services over a real listener, store and index that go away with the test. Call it inside a test. */
export async function startDicomWeb(
  makeRoutes: (parts: DicomWebParts) => readonly Hono<DicomWebEnv>[],
  listener: Pick<HttpServerOptions, 'idleTimeoutMs' | 'sendFile'> = {},
) {
  const real = await realIntake();
  // Routes need what the fixture gives, and the fixture needs the routes.
  const tools = createDicomWebFixture({ routes: [] });
  const routes = makeRoutes(Object.assign(real, { fixture: tools }));
  const fixture = createDicomWebFixture({ routes, publicUrl: '' });
  const server = createHttpServer({
    app: fixture.listenable,
    host: '127.0.0.1',
    port: 0,
    logger: tools.logger,
    ...listener,
  });
  const { port } = await server.listen();
  onTestFinished(async () => {
    await server.close(0);
    tools.metrics.close();
    fixture.metrics.close();
  });
  const base = `http://127.0.0.1:${port}/dicom-web`;

  return Object.assign(real, {
    port,
    customer: customerKey('city-medical'),
    base,
    audited: tools.audited,
    logger: tools.logger,
    /** @param path below `/dicom-web`. */
    fetch: (path: string, init: RequestInit = {}, token: string = TOKENS.city): Promise<Response> => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${token}`);
      return fetch(base + path, { ...init, headers });
    },
    /** Takes a file in as an import does. */
    async add(file: Buffer, customer = 'city-medical'): Promise<InstanceRecord> {
      const reader = await SourceReader.open({
        async *read() {
          yield await Promise.resolve(file);
        },
      });
      const outcome = await takeObject({
        intake: real.intake,
        origin: { source: 'import', customer: customerKey(customer) },
        reader,
        isUnchanged: () => Promise.resolve(true),
      });
      if (!('key' in outcome)) throw new Error(`not stored: ${JSON.stringify(outcome)}`);
      const record = real.index.findInstance(outcome.key);
      if (record === undefined) throw new Error('not indexed');
      return record;
    },
  });
}

export type DicomWebServer = Awaited<ReturnType<typeof startDicomWeb>>;

export function studyPath({ studyInstanceUid }: Pick<InstanceKey, 'studyInstanceUid'>): string {
  return `/studies/${studyInstanceUid}`;
}
export function seriesPath(key: InstanceKey): string {
  return `${studyPath(key)}/series/${key.seriesInstanceUid}`;
}
export function instancePath(key: InstanceKey): string {
  return `${seriesPath(key)}/instances/${key.sopInstanceUid}`;
}

/** A part of a multipart body as it arrived. */
export interface ReceivedPart {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Splits a multipart response into its parts, by its boundary alone. */
export async function readMultipart(response: Response): Promise<readonly ReceivedPart[]> {
  const boundary = /boundary=([^;]+)/.exec(response.headers.get('content-type') ?? '')?.[1] ?? '';
  const body = Buffer.from(await response.arrayBuffer());
  const marks: number[] = [];
  const delimiter = Buffer.from(`--${boundary}`);
  for (let at = body.indexOf(delimiter); at >= 0; at = body.indexOf(delimiter, at + 1)) marks.push(at);
  return marks.slice(0, -1).map((mark, index) => {
    const start = body.indexOf('\r\n\r\n', mark) + 4;
    const lines = body.toString('latin1', mark, start).split('\r\n').slice(1, -2);
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    );
    return { headers, body: body.subarray(start, (marks[index + 1] ?? 0) - 2) };
  });
}
