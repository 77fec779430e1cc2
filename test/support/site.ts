import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import {
  createAvaraEmulator,
  type AvaraEmulator,
  type AvaraEmulatorOptions,
} from '../../src/emulator/avara-emulator.ts';
import { startDaemon, writeConfig, type DaemonProcess } from './daemon-process.ts';
import { waitUntil } from './wait-until.ts';

/** Two centres, each with an AE title, an Avara API key that sees its own studies, and a webhook secret. */
export const CENTRES = {
  city: {
    customer: 'city-medical',
    calledAe: 'CITYMED',
    expressCustomerId: `cus_${'c1'.repeat(16)}`,
    apiKey: `sk_live_${'c1'.repeat(16)}`,
    webhookSecret: 'whsec_Y2l0eS1tZWRpY2FsLXNlY3JldA==',
  },
  north: {
    customer: 'north-clinic',
    calledAe: 'NORTHCLN',
    expressCustomerId: `cus_${'d2'.repeat(16)}`,
    apiKey: `sk_live_${'d2'.repeat(16)}`,
    webhookSecret: 'whsec_bm9ydGgtY2xpbmljLXNlY3JldA==',
  },
} as const;

export interface ListedStudy {
  readonly customer: string;
  readonly studyInstanceUid: string;
  readonly state: 'receiving' | 'stable';
  readonly instances: number;
  readonly bytes: number;
  readonly avara: readonly {
    readonly product: string;
    readonly state: 'pending' | 'created' | 'attention';
    readonly studyId?: string;
    readonly attempts: number;
    readonly lastError?: string;
  }[];
}

export interface Site {
  readonly folder: string;
  readonly emulator: AvaraEmulator;
  /** The running daemon; throws where none is. */
  readonly daemon: DaemonProcess;
  /** @param env variables over the usual ones. */
  start(env?: Record<string, string>): Promise<DaemonProcess>;
  studies(): Promise<readonly ListedStudy[]>;
  /** Waits until `fits` holds for the studies listed. @returns them. */
  studiesWhen(
    what: string,
    fits: (studies: readonly ListedStudy[]) => boolean,
    timeoutMs?: number,
  ): Promise<readonly ListedStudy[]>;
  /** Where the daemon takes webhooks. */
  webhookUrl(): string;
  /** Stops everything and removes the folder. */
  close(): Promise<void>;
}

export interface SiteOptions {
  /** Sections of the daemon's configuration over the usual ones. */
  readonly config?: Record<string, unknown>;
  readonly emulator?: Partial<AvaraEmulatorOptions>;
  /** Of the admin listener; default none. */
  readonly adminToken?: string;
}

/** An imaging site for end-to-end tests: the built daemon as a process of its own, and an emulated Avara. */
export async function createSite(options: SiteOptions = {}): Promise<Site> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'site-'));
  const centres = Object.values(CENTRES);
  const emulator = createAvaraEmulator({
    onDuplicate: 'second-study',
    apiKeys: centres.map(({ apiKey, webhookSecret, customer }) => ({
      key: apiKey,
      webhookSecret,
      description: customer,
      studyScope: 'self',
      expressAccess: 'read',
    })),
    expressCustomers: centres.map(({ expressCustomerId, customer }) => ({
      id: expressCustomerId,
      name: customer,
      isActive: true,
    })),
    ...options.emulator,
  });
  const { url } = await emulator.start();
  const configFile = await writeConfig(folder, {
    avara: { baseUrl: url },
    customers: Object.fromEntries(
      centres.map(({ customer, expressCustomerId, apiKey, webhookSecret }) => [
        customer,
        { expressCustomerId, products: ['viewer'], avara: { apiKey, webhookSecret } },
      ]),
    ),
    routes: centres.map(({ calledAe, customer }) => ({ calledAe, customer })),
    studies: { stableAfterSeconds: 2, stableAfterReleaseSeconds: 1 },
    storage: { reserveBytes: 0 },
    ...(options.adminToken !== undefined && {
      admin: { host: '127.0.0.1', port: 0, token: options.adminToken },
    }),
    ...options.config,
  });
  let running: DaemonProcess | undefined;
  const daemon = (): DaemonProcess => {
    if (!running) throw new Error('no daemon is running');
    return running;
  };
  const studies = async (): Promise<readonly ListedStudy[]> => {
    const { host, port } = daemon().admin;
    const headers = options.adminToken === undefined ? {} : { authorization: `Bearer ${options.adminToken}` };
    const response = await fetch(`http://${host}:${port}/api/studies?limit=1000`, { headers });
    const body = (await response.json()) as { studies: readonly ListedStudy[] };
    return body.studies;
  };

  return {
    folder,
    emulator,
    get daemon() {
      return daemon();
    },
    async start(env) {
      running = await startDaemon(configFile, env);
      return running;
    },
    studies,
    studiesWhen: (what, fits, timeoutMs) =>
      waitUntil(
        what,
        async () => {
          const listed = await studies();
          return fits(listed) ? listed : undefined;
        },
        timeoutMs,
      ),
    webhookUrl: () => `http://${daemon().http.host}:${daemon().http.port}/webhooks/avara`,
    async close() {
      await running?.stop();
      await emulator.stop();
      await fs.rm(folder, { recursive: true, force: true });
    },
  };
}

/** Whether each study is stable and at Avara. */
export function areAllCreated(studies: readonly ListedStudy[]): boolean {
  return studies.every(
    ({ state, avara }) =>
      state === 'stable' && avara.length > 0 && avara.every((delivery) => delivery.state === 'created'),
  );
}
