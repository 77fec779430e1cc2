import { spawn, execFile, type ChildProcess } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { signObjectToken } from '../src/core/access/object-token.ts';
import { customerKey } from '../src/core/study/instance.ts';
import { uid } from '../src/dicom/uid.ts';
import { parseKeyFile } from '../src/storage/key-file.ts';
import { startDaemon, writeConfig } from '../test/support/daemon-process.ts';
import { freePort } from '../test/support/free-port.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { endChild, pidOf } from './child-programs.ts';
import { findProgram } from './receivers.ts';
import { siteConfig } from './site-config.ts';

const run = promisify(execFile);

export const PEERS = ['Orthanc', 'nginx'] as const;
export type ServerName = 'avara-ingest' | (typeof PEERS)[number];

/** Where Debian's package orthanc-dicomweb puts it. */
const ORTHANC_PLUGIN = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';
const TOKEN = 'bench-token-of-forty-characters-or-more-x';

export interface WebServer {
  readonly name: ServerName;
  readonly port: number;
  readonly pid: number;
  /** Lines of every request's header. */
  readonly headers: readonly string[];
  /** Forgets what was made for earlier requests, where anything was. */
  forget(): Promise<void>;
  stop(): Promise<void>;
}

/** UIDs of the study that all servers hold. */
export interface BenchStudy {
  readonly study: string;
  readonly series: string;
  readonly instances: readonly string[];
  readonly folder: string;
}

/** Tells which peers can be compared with. */
export async function findPeers(): Promise<ReadonlySet<ServerName>> {
  const present = new Set<ServerName>(['avara-ingest']);
  const hasPlugin = await fs.access(ORTHANC_PLUGIN).then(
    () => true,
    () => false,
  );
  if (hasPlugin && (await findProgram('Orthanc')) !== undefined) present.add('Orthanc');
  if ((await findProgram('nginx')) !== undefined) present.add('nginx');
  return present;
}

/** The built daemon, filled over C-STORE. `objectPath` makes the signed URL of an instance. */
export async function startIngest(
  folder: string,
  bench: BenchStudy,
): Promise<WebServer & { objectPath(instance: string): string }> {
  const config = await writeConfig(
    folder,
    siteConfig({
      studies: { stableAfterSeconds: 2, stableAfterReleaseSeconds: 1 },
      access: { tokens: [{ name: 'bench', token: TOKEN, customers: ['bench'] }] },
    }),
  );
  const daemon = await startDaemon(config);
  await send(daemon.dimse.port, 'BENCH', bench.folder);
  const prepared = path.join(folder, 'data/metadata/bench', bench.study);
  await waitUntil(
    'the metadata is prepared',
    async () =>
      fs.readdir(prepared).then(
        (names) => (names.some((name) => name.endsWith('.deflate')) ? true : undefined),
        () => undefined,
      ),
    60_000,
  );
  const [key] = parseKeyFile(
    await fs.readFile(path.join(folder, 'data/object-url-keys.json'), 'utf8'),
    'keys',
  ).slice(-1);
  if (key === undefined) throw new Error('the daemon has no key');
  const token = signObjectToken(
    key,
    { customer: customerKey('bench'), studyInstanceUid: uid(bench.study) },
    Math.floor(Date.now() / 1000) + 3600,
  );
  return {
    name: 'avara-ingest',
    port: daemon.http.port,
    pid: pidOf(daemon.process),
    headers: [`Authorization: Bearer ${TOKEN}`],
    objectPath: (instance) => `/objects/${bench.study}/${bench.series}/${instance}.dcm?token=${token}`,
    forget: () => fs.rm(prepared, { recursive: true, force: true }),
    async stop() {
      await daemon.stop();
    },
  };
}

/** As packaged, with its DICOMweb plugin. */
export async function startOrthanc(folder: string, bench: BenchStudy): Promise<WebServer> {
  const [port, dicomPort] = [await freePort(), await freePort()];
  const config = path.join(folder, 'orthanc.json');
  await fs.writeFile(
    config,
    JSON.stringify({
      StorageDirectory: path.join(folder, 'storage'),
      IndexDirectory: path.join(folder, 'storage'),
      Plugins: [ORTHANC_PLUGIN],
      DicomAet: 'ORTHANC',
      DicomPort: dicomPort,
      DicomAlwaysAllowStore: true,
      HttpPort: port,
      KeepAlive: true,
      RemoteAccessAllowed: false,
      AuthenticationEnabled: false,
      DicomWeb: { Enable: true, Root: '/dicom-web/' },
    }),
  );
  const child = spawn((await findProgram('Orthanc')) ?? 'Orthanc', [config], {
    stdio: 'ignore',
    env: { ...process.env, TCP_NODELAY: '1' },
  });
  await untilListening(port, child);
  await send(dicomPort, 'ORTHANC', bench.folder);
  return {
    name: 'Orthanc',
    port,
    pid: pidOf(child),
    headers: [],
    forget: () => Promise.resolve(),
    stop: () => endChild(child),
  };
}

/** The files of the study as they are, with sendfile. */
export async function startNginx(folder: string, root: string): Promise<WebServer> {
  const port = await freePort();
  const config = path.join(folder, 'nginx.conf');
  await fs.writeFile(
    config,
    `daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log; worker_processes 1;
     events { worker_connections 256; }
     http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
       client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c;
       uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
       server { listen 127.0.0.1:${port}; root ${root}; } }`,
  );
  // A master as root would give its worker another user, who may not see the folder for temporary files.
  const child = spawn((await findProgram('nginx')) ?? 'nginx', ['-c', config, '-g', 'user root;'], {
    stdio: 'ignore',
  });
  await untilListening(port, child);
  return {
    name: 'nginx',
    port,
    pid: pidOf(child),
    headers: [],
    forget: () => Promise.resolve(),
    stop: () => endChild(child),
  };
}

async function send(port: number, calledAe: string, folder: string): Promise<void> {
  await run('storescu', ['--scan-directories', '-aec', calledAe, '127.0.0.1', String(port), folder], {
    env: { ...process.env, TCP_NODELAY: '1' },
    maxBuffer: 64 * 1024 * 1024,
  });
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  await waitUntil(`${child.spawnfile} listens`, async () => {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with code ${child.exitCode}`);
    return fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => undefined,
    );
  });
}
