import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { freePorts } from './free-port.ts';
import { waitUntil } from './wait-until.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface Orthanc {
  readonly aeTitle: string;
  readonly dicomPort: number;
  /** Calls its REST API; `undefined` where the answer is 404. @throws for any other failure. */
  call<T>(method: Method, resource: string, body?: unknown): Promise<T | undefined>;
  /** The bytes of a resource. */
  download(resource: string): Promise<Buffer>;
  close(): Promise<void>;
}

/**
 * Starts the installed Orthanc with an empty store, on free ports of the loopback.
 * @param settings of its configuration file besides.
 */
export async function startOrthanc(
  aeTitle = 'ORTHANC',
  settings: Readonly<Record<string, unknown>> = {},
): Promise<Orthanc> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'orthanc-'));
  const [httpPort = 0, dicomPort = 0] = await freePorts(2);
  const configFile = path.join(folder, 'orthanc.json');
  const config = {
    StorageDirectory: path.join(folder, 'db'),
    IndexDirectory: path.join(folder, 'db'),
    HttpPort: httpPort,
    DicomPort: dicomPort,
    DicomAet: aeTitle,
    AuthenticationEnabled: false,
    RemoteAccessAllowed: false,
    Plugins: [],
    ...settings,
  };
  await fs.writeFile(configFile, JSON.stringify(config));
  const child = spawn('Orthanc', [configFile], { stdio: 'ignore' });
  const ended = once(child, 'close');

  async function call<T>(method: Method, resource: string, body?: unknown): Promise<T | undefined> {
    const response = await fetch(`http://127.0.0.1:${httpPort}${resource}`, {
      method,
      ...(body !== undefined && {
        body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body),
      }),
    });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`Orthanc answered ${response.status} to ${method} ${resource}`);
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T | undefined;
  }

  await waitUntil('Orthanc answers', async () => {
    if (child.exitCode !== null) throw new Error(`Orthanc ended with ${child.exitCode}`);
    return call<object>('GET', '/system').catch(() => undefined);
  });
  return {
    aeTitle,
    dicomPort,
    call,
    async download(resource) {
      const response = await fetch(`http://127.0.0.1:${httpPort}${resource}`);
      if (!response.ok) throw new Error(`Orthanc answered ${response.status} to GET ${resource}`);
      return Buffer.from(await response.arrayBuffer());
    },
    async close() {
      child.kill('SIGTERM');
      await ended;
      await fs.rm(folder, { recursive: true, force: true });
    },
  };
}
