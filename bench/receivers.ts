import { execFile, spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { startDaemon, writeConfig } from '../test/support/daemon-process.ts';
import { freePort } from '../test/support/free-port.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { endChild, pidOf } from './child-programs.ts';
import { siteConfig } from './site-config.ts';

const run = promisify(execFile);

/**
 * `storescp+sync`: storescp that makes each file durable, as whoever answers for images has to.
 * `bare`: no receiver to use, but the least that a durable one can do; for one Association at a time.
 */
export const RECEIVERS = ['avara-ingest', 'storescp', 'storescp+sync', 'bare', 'Orthanc'] as const;
export type ReceiverName = (typeof RECEIVERS)[number];

/**
 * `tuned`: Nagle's algorithm off and P-DATA-TF PDUs of 128 KiB for everybody.
 * `installed`: Nagle's algorithm on and the peers' own PDU length, as their packages ship them.
 */
export type Network = 'tuned' | 'installed';

export interface StartOptions {
  /** Empty; holds everything the receiver writes. */
  readonly folder: string;
  readonly network: Network;
  /** That will send at once. */
  readonly associations: number;
}

export interface Receiver {
  readonly port: number;
  readonly pid: number;
  readonly calledAeTitle: string;
  /** How many instances it keeps: for an indexing receiver, those that its index knows. */
  countInstances(): Promise<number>;
  stop(): Promise<void>;
}

/** Where to find a peer's program; undefined where it is not installed. */
export async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    const file = path.join(folder, name);
    const isExecutable = await fs.access(file, fs.constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isExecutable) return file;
  }
  return undefined;
}

/** What a peer calls itself, `3.6.7`. */
export async function versionOf(program: string): Promise<string> {
  const { stdout } = await run(program, ['--version']);
  return /\d+(?:\.\d+)+/.exec(stdout)?.[0] ?? 'of unknown version';
}

/** The environment in which DCMTK's and Orthanc's network code has Nagle's algorithm on or off. */
export function networkEnv(network: Network): NodeJS.ProcessEnv {
  const env = { ...process.env };
  delete env.TCP_NODELAY;
  return network === 'tuned' ? { ...env, TCP_NODELAY: '1' } : env;
}

export function startReceiver(name: ReceiverName, options: StartOptions): Promise<Receiver> {
  switch (name) {
    case 'avara-ingest':
      return startIngest(options);
    case 'storescp':
      return startStorescp(options, networkEnv(options.network));
    case 'storescp+sync':
      return startSyncingStorescp(options);
    case 'bare':
      return startBareReceiver(options);
    case 'Orthanc':
      return startOrthanc(options);
  }
}

/** The built daemon as it ships; Avara is out of reach and no study becomes stable, so nothing but receiving happens. */
async function startIngest({ folder }: StartOptions): Promise<Receiver> {
  const config = await writeConfig(
    folder,
    siteConfig({
      studies: { stableAfterSeconds: 3600, stableAfterReleaseSeconds: 3600 },
    }),
  );
  const daemon = await startDaemon(config);
  return {
    port: daemon.dimse.port,
    pid: pidOf(daemon.process),
    calledAeTitle: 'BENCH',
    async countInstances() {
      const response = await fetch(`http://${daemon.admin.host}:${daemon.admin.port}/api/studies?limit=1000`);
      const { studies } = (await response.json()) as { studies: { instances: number }[] };
      return studies.reduce((sum, study) => sum + study.instances, 0);
    },
    async stop() {
      await daemon.stop();
    },
  };
}

/** `+B` writes what arrives straight to the file: its fastest way, and the only one that keeps the bytes as sent. */
async function startStorescp(
  { folder, network, associations }: StartOptions,
  env: NodeJS.ProcessEnv,
): Promise<Receiver> {
  const port = await freePort();
  const received = receivedFolder(folder);
  await fs.mkdir(received);
  const child = spawn(
    'storescp',
    [
      ...['--bit-preserving', '--disable-host-lookup', '--output-directory', received],
      ...(network === 'tuned' ? ['--max-pdu', '131072'] : []),
      // Without, it takes one Association after the other.
      ...(associations > 1 ? ['--fork'] : []),
      String(port),
    ],
    { env, stdio: 'ignore' },
  );
  return keepingFiles({ child, port, calledAeTitle: 'STORESCP', received });
}

/** A program that does nothing but put each instance into a file of this folder. */
async function keepingFiles(of: {
  readonly child: ChildProcess;
  readonly port: number;
  readonly calledAeTitle: string;
  readonly received: string;
}): Promise<Receiver> {
  const { child, port, calledAeTitle, received } = of;
  await untilItAnswers(port, child);
  return {
    port,
    pid: pidOf(child),
    calledAeTitle,
    countInstances: async () => (await fs.readdir(received)).length,
    stop: () => endChild(child),
  };
}

const receivedFolder = (folder: string): string => path.join(folder, 'received');

/** With a library in front of it that syncs each file and its folder when the file is closed. */
async function startSyncingStorescp(options: StartOptions): Promise<Receiver> {
  const library = path.join(options.folder, 'sync-on-close.so');
  await compile('./sync-on-close.c', ['-shared', '-fPIC', '-o', library, '-ldl']);
  return startStorescp(options, {
    ...networkEnv(options.network),
    LD_PRELOAD: library,
    SYNC_FOLDER: receivedFolder(options.folder),
  });
}

async function startBareReceiver({ folder }: StartOptions): Promise<Receiver> {
  const port = await freePort();
  const program = path.join(folder, 'bare-receiver');
  const received = receivedFolder(folder);
  await fs.mkdir(received);
  await compile('./bare-receiver.c', ['-pthread', '-o', program]);
  const child = spawn(program, [String(port), received], { stdio: 'ignore' });
  return keepingFiles({ child, port, calledAeTitle: 'BARE', received });
}

/** @param source beside this file */
async function compile(source: string, argv: readonly string[]): Promise<void> {
  await run('cc', ['-O2', new URL(source, import.meta.url).pathname, ...argv]);
}

/** As packaged, which includes the SQLite index and an fsync of each file (SyncStorageArea); no plugins. */
async function startOrthanc({ folder, network }: StartOptions): Promise<Receiver> {
  const [dicomPort, httpPort] = [await freePort(), await freePort()];
  const config = path.join(folder, 'orthanc.json');
  await fs.writeFile(
    config,
    JSON.stringify({
      Name: 'bench',
      StorageDirectory: path.join(folder, 'storage'),
      IndexDirectory: path.join(folder, 'storage'),
      Plugins: [],
      DicomServerEnabled: true,
      DicomAet: 'ORTHANC',
      DicomPort: dicomPort,
      DicomAlwaysAllowEcho: true,
      DicomAlwaysAllowStore: true,
      HttpPort: httpPort,
      RemoteAccessAllowed: false,
      AuthenticationEnabled: false,
      ...(network === 'tuned' ? { MaximumPduLength: 131_072 } : {}),
    }),
  );
  const program = (await findProgram('Orthanc')) ?? 'Orthanc';
  const child = spawn(program, [config], { env: networkEnv(network), stdio: 'ignore' });
  await untilItAnswers(dicomPort, child);
  return {
    port: dicomPort,
    pid: pidOf(child),
    calledAeTitle: 'ORTHANC',
    async countInstances() {
      const response = await fetch(`http://127.0.0.1:${httpPort}/statistics`);
      const { CountInstances } = (await response.json()) as { CountInstances: number };
      return CountInstances;
    },
    stop: () => endChild(child),
  };
}

async function untilItAnswers(port: number, child: ChildProcess): Promise<void> {
  await waitUntil(`${child.spawnfile} answers C-ECHO`, async () => {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with code ${child.exitCode}`);
    return run('echoscu', ['127.0.0.1', String(port)]).catch(() => undefined);
  });
}
