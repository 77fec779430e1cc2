import fs from 'node:fs/promises';
import path from 'node:path';

import { syntheticCt } from './data-sets.ts';
import { runCli, type CliRun } from './cli.ts';
import { sendObjects } from './send-objects.ts';
import { areAllCreated, CENTRES, createSite, type Site, type SiteOptions } from './site.ts';

/** The studies of {@link createProvenSite}: Study Instance UID, with how many images in how many series. */
export const STUDIES = {
  /** Of `city-medical`. */
  cityFirst: '2.25.81001',
  citySecond: '2.25.81002',
  /** Of `north-clinic`, with the UID of the first of the other. */
  north: '2.25.81001',
} as const;

const SIDE = 24;

/** A site with three studies of two series each, received over DICOM and announced at the emulated Avara. */
export async function createProvenSite(options: SiteOptions = {}): Promise<Site> {
  const site = await createSite(options);
  await site.start();
  await sendStudy(site, 'city', STUDIES.cityFirst, 'Ashby^Rosalind');
  await sendStudy(site, 'city', STUDIES.citySecond, 'Brook^Tobias');
  await sendStudy(site, 'north', STUDIES.north, 'Cole^Miriam');
  await site.studiesWhen('all studies are at Avara', (all) => all.length === 3 && areAllCreated(all));
  return site;
}

async function sendStudy(
  site: Site,
  centre: keyof typeof CENTRES,
  study: string,
  patientName: string,
): Promise<void> {
  const objects = [1, 2].flatMap((series) =>
    [1, 2, 3].map((number) =>
      syntheticCt({
        rows: SIDE,
        columns: SIDE,
        studyInstanceUid: study,
        seriesInstanceUid: `${study}.${series}`,
        sopInstanceUid: `${study}.${series}.${number}`,
        seriesNumber: series,
        instanceNumber: number,
        pixelSeed: series * 10 + number,
        patientName,
      }),
    ),
  );
  const statuses = await sendObjects(objects, {
    to: site.daemon.dimse,
    calledAe: CENTRES[centre].calledAe,
    callingAe: `CT_${centre.toUpperCase()}`,
  });
  if (statuses.some((status) => status !== 0)) throw new Error('an object was not taken');
}

/** A data folder of its own with the configuration beside it, to be damaged. */
export interface DataFolderCopy {
  readonly dataDir: string;
  readonly config: string;
  /** Runs a command on it. */
  run(command: string, ...argv: readonly string[]): Promise<CliRun>;
  /** Where an object of `city-medical` lies, by the last three numbers of its UIDs. */
  objectOf(study: string, series: number, number: number): string;
}

/** Copies data folder and configuration of a stopped site, so that each test can break its own. */
export async function copyOf(site: Site, name: string): Promise<DataFolderCopy> {
  const folder = path.join(site.folder, 'copies', name);
  await fs.mkdir(folder, { recursive: true });
  const dataDir = path.join(folder, 'data');
  await fs.cp(path.join(site.folder, 'data'), dataDir, { recursive: true, preserveTimestamps: true });
  const config = path.join(folder, 'config.json');
  await fs.copyFile(path.join(site.folder, 'config.json'), config);
  return {
    dataDir,
    config,
    run: (command, ...argv) => runCli(command, ...argv, '--config', config),
    objectOf: (study, series, number) =>
      path.join(
        dataDir,
        'objects',
        CENTRES.city.customer,
        study,
        `${study}.${series}`,
        `${study}.${series}.${number}.dcm`,
      ),
  };
}

/** Changes one byte of a file. @param at from the end where negative. */
export async function flipByte(file: string, at: number): Promise<void> {
  const bytes = await fs.readFile(file);
  const position = at < 0 ? bytes.length + at : at;
  bytes[position] = (bytes[position] ?? 0) ^ 0x20;
  const { atime, mtime } = await fs.stat(file);
  await fs.writeFile(file, bytes);
  await fs.utimes(file, atime, mtime);
}
