import { readFileSync } from 'node:fs';
import path from 'node:path';

import { MANIFEST_FILE } from '../../fixtures/generator/manifest.ts';
import type { FixtureEntry, FixtureManifest } from '../../fixtures/generator/manifest.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/data');

/** One file of fixtures/data, as its manifest describes it. */
export interface FixtureFile extends FixtureEntry {
  /** Absolute. */
  readonly path: string;
}

/** All fixtures, in the manifest's order. */
export const FIXTURE_FILES: readonly FixtureFile[] = (
  JSON.parse(readFileSync(path.join(FOLDER, MANIFEST_FILE), 'utf8')) as FixtureManifest
).instances.map((fixture) => ({ ...fixture, path: path.join(FOLDER, fixture.file) }));
