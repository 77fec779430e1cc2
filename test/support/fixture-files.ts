import { readFileSync } from 'node:fs';
import path from 'node:path';

const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/data');

/** One file of fixtures/data, as its manifest describes it. */
export interface FixtureFile {
  /** Relative to fixtures/data. */
  readonly file: string;
  /** Absolute. */
  readonly path: string;
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  readonly transferSyntaxUid: string;
  readonly modality: string;
  readonly dataSetBytes: number;
  readonly dataSetSha256: string;
}

/** All fixtures, in the manifest's order. */
export const FIXTURE_FILES: readonly FixtureFile[] = (
  JSON.parse(readFileSync(path.join(FOLDER, 'manifest.json'), 'utf8')) as {
    readonly instances: readonly Omit<FixtureFile, 'path'>[];
  }
).instances.map((fixture) => ({ ...fixture, path: path.join(FOLDER, fixture.file) }));
