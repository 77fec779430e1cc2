import { createWriteStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { encodePart10Header } from '../fixtures/generator/part10.ts';
import { syntheticCtStream, type SyntheticStream } from '../test/support/data-sets.ts';

export type WorkloadName = 'ct' | 'small' | 'large' | 'huge';

/** Objects of one kind, as Part 10 files. */
export interface Workload {
  readonly name: WorkloadName;
  readonly title: string;
  /** One list per study; a sending Association takes whole studies. */
  readonly studies: readonly (readonly string[])[];
  /** Of a study of their own, so that a receiver has run hot before the clock starts; see warm-up.ts. */
  readonly warmUp: readonly string[];
  /** Size of one file in bytes. */
  readonly fileBytes: number;
}

interface Kind {
  readonly title: (objects: number) => string;
  readonly side: number;
  readonly studies: number;
  readonly warmUpSide: number;
}

const CT_SIDE = 512;
const SMALL_SIDE = 32;

/** Pixels are 16 bit, so an object has 2 * side * side bytes and about 2 kB of header. */
const KINDS: Readonly<Record<WorkloadName, Kind>> = {
  ct: {
    title: (objects) => `${objects} CT of 526 kB`,
    side: CT_SIDE,
    studies: 4,
    warmUpSide: CT_SIDE,
  },
  small: {
    title: (objects) => `${objects} objects of 4 kB`,
    side: SMALL_SIDE,
    studies: 4,
    warmUpSide: SMALL_SIDE,
  },
  large: {
    title: (objects) => `${objects} × 100 MB`,
    side: 7071,
    studies: 8,
    warmUpSide: CT_SIDE,
  },
  huge: {
    title: (objects) => `${objects} × 4.3 GB`,
    side: 46_330,
    studies: 1,
    warmUpSide: CT_SIDE,
  },
};

/**
 * Writes the files of a workload below `folder`.
 * @param objects in total, shared out evenly over its studies. @param warmUpObjects beside them.
 */
export async function generateWorkload(
  folder: string,
  name: WorkloadName,
  objects: number,
  warmUpObjects: number,
): Promise<Workload> {
  const kind = KINDS[name];
  const studies: string[][] = [];
  for (let study = 0; study < Math.min(kind.studies, objects); study += 1) {
    const share = Math.ceil((objects - study) / kind.studies);
    studies.push(await writeStudy(path.join(folder, name, `study-${study}`), share, kind.side));
  }
  const first = studies[0]?.[0];
  return {
    name,
    title: kind.title(objects),
    studies,
    warmUp: await writeStudy(path.join(folder, name, 'warm-up'), warmUpObjects, kind.warmUpSide),
    fileBytes: first === undefined ? 0 : (await fs.stat(first)).size,
  };
}

/** Writes the files of one study, `1.dcm` and so on. @param folder also what its UIDs are made of. */
export async function writeStudy(folder: string, objects: number, side: number): Promise<string[]> {
  await fs.mkdir(folder, { recursive: true });
  const files: string[] = [];
  for (let instanceNumber = 1; instanceNumber <= objects; instanceNumber += 1) {
    const file = path.join(folder, `${instanceNumber}.dcm`);
    const object = syntheticCtStream({ seed: folder, instanceNumber, rows: side, columns: side });
    await pipeline(Readable.from(part10Chunks(object)), createWriteStream(file));
    files.push(file);
  }
  return files;
}

function* part10Chunks(object: SyntheticStream): Generator<Buffer> {
  yield encodePart10Header(object);
  yield* object.chunks();
}
