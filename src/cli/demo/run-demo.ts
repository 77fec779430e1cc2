import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { createDaemon } from '../../app/create-daemon.ts';
import type { Daemon, ListenAddresses } from '../../app/daemon.ts';
import { loadConfig } from '../../config/load.ts';
import { storeObjects } from '../../dimse/scu/store-scu.ts';
import { type AvaraEmulator, createAvaraEmulator } from '../../emulator/avara-emulator.ts';
import type { OpenStudyReport } from '../../emulator/viewer.ts';
import { createLogLevelControl } from '../../observability/log-level.ts';
import { createSystemClock } from '../../platform/clock.ts';
import { createLogger } from '../../observability/logger.ts';
import { type AdminStudy, createDaemonClient, type DaemonClient } from '../daemon-client.ts';
import { customerOf, demoConfig, demoScanners, emulatorOptions, type Scanner } from './scenario.ts';

/** Settling takes two seconds and the rest much less: past this something is broken. */
const ANNOUNCE_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

/** What became of one study, from scanner to viewer. */
export interface DemoResult {
  readonly study: AdminStudy;
  readonly report: OpenStudyReport;
  /** Data Sets that came back with the bytes that were sent. */
  readonly matching: number;
  readonly bytes: number;
}

/** Starts an emulated Avara and a daemon on free ports, in a temporary folder. Throws what kept either from starting. */
export async function startDemo(env: Readonly<Record<string, string | undefined>>): Promise<Demo> {
  const folder = await mkdtemp(path.join(tmpdir(), 'avara-ingest-demo-'));
  const emulator = createAvaraEmulator(emulatorOptions());
  let daemon: Daemon | undefined;
  try {
    const { url } = await emulator.start();
    const file = path.join(folder, 'config.json');
    await writeFile(file, JSON.stringify(demoConfig(url), undefined, 2));
    const destination = createWriteStream(path.join(folder, 'daemon.log'));
    const config = loadConfig({ file, env });
    const logger = createLogger({ destination });
    const logLevel = createLogLevelControl({
      logger,
      configured: config.log.level,
      clock: createSystemClock(),
    });
    daemon = await createDaemon({ config, logger, logLevel });
    return new Demo(folder, url, emulator, daemon, await daemon.start());
  } catch (error) {
    await emulator.stop();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** A running demo, step by step: send, wait for Avara, view. */
export class Demo {
  readonly folder: string;
  readonly avaraUrl: string;
  readonly addresses: ListenAddresses;
  readonly adminUrl: string;
  readonly scanners: readonly Scanner[] = demoScanners();
  readonly #emulator: AvaraEmulator;
  readonly #daemon: Daemon;
  readonly #client: DaemonClient;

  constructor(
    folder: string,
    avaraUrl: string,
    emulator: AvaraEmulator,
    daemon: Daemon,
    addresses: ListenAddresses,
  ) {
    this.folder = folder;
    this.avaraUrl = avaraUrl;
    this.addresses = addresses;
    this.adminUrl = `http://${addresses.admin.host}:${addresses.admin.port}`;
    this.#emulator = emulator;
    this.#daemon = daemon;
    this.#client = createDaemonClient({ url: this.adminUrl });
  }

  /** Sends one scanner's images. @returns those that were not answered with Success. */
  async send(scanner: Scanner, onSent: () => void): Promise<number> {
    const { callingAeTitle, calledAeTitle, objects } = scanner;
    let failed = 0;
    const unsent = await storeObjects({
      host: this.addresses.dimse.host,
      port: this.addresses.dimse.port,
      callingAeTitle,
      calledAeTitle,
      objects,
      onResponse(_object, status) {
        if (status === 0) onSent();
        else failed += 1;
      },
    });
    return failed + unsent.length;
  }

  /** Waits until every study is at Avara, in every product. @throws Error where that takes too long. */
  async announced(): Promise<readonly AdminStudy[]> {
    const expected = new Set(
      this.scanners.flatMap(({ calledAeTitle, objects }) =>
        objects.map((object) => `${calledAeTitle} ${object.studyInstanceUid}`),
      ),
    ).size;
    const deadline = Date.now() + ANNOUNCE_TIMEOUT_MS;
    for (;;) {
      const studies = await this.#client.studies({}, 1000);
      const isDone = studies.length === expected && studies.every(isAnnounced);
      if (isDone) return studies;
      if (Date.now() > deadline) throw new Error('the studies did not reach Avara in time');
      await wait(POLL_MS);
    }
  }

  /** Opens a study in Avara's viewer, which fetches every file, and compares their bytes with those sent. */
  async view(study: AdminStudy): Promise<DemoResult> {
    const avaraId = study.avara.find((delivery) => delivery.product === 'viewer')?.studyId;
    if (typeof avaraId !== 'string') throw new Error(`study ${study.studyInstanceUid} has no Avara id`);
    const { host, port } = this.addresses.http;
    const report = await this.#emulator.viewer.openStudy(avaraId, {
      webhookUrl: `http://${host}:${port}/webhooks/avara`,
    });
    const sent = new Map(
      this.scanners
        .filter(({ calledAeTitle }) => customerOf(calledAeTitle) === study.customer)
        .flatMap(({ objects }) => objects.map((object) => [object.sopInstanceUid, object.dataSetSha256])),
    );
    const matching = report.files.filter(
      ({ sopInstanceUid, dataSetSha256 }) =>
        dataSetSha256 !== null && sent.get(sopInstanceUid ?? '') === dataSetSha256,
    );
    return {
      study,
      report,
      matching: matching.length,
      bytes: report.files.reduce((sum, file) => sum + file.bytes, 0),
    };
  }

  async stop(): Promise<void> {
    await this.#daemon.stop({ deadlineMs: 5000 });
    await this.#emulator.stop();
  }

  async cleanUp(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

function isAnnounced(study: AdminStudy): boolean {
  return study.avara.length > 0 && study.avara.every((delivery) => delivery.state === 'created');
}
