import { availableParallelism } from 'node:os';

import { ObjectLane } from './object-lane.ts';
import { ThreadedObject } from './threaded-object.ts';

/**
 * Threads that write. An object stays on one, so its bytes keep their order; at least two, so that a disk that takes its
 * time over one object holds up only some of the others.
 */
const LANES = Math.min(4, Math.max(2, availableParallelism()));

/** Threads that write, digest and put in place the objects of a store. Each is started when first needed. */
export interface ObjectThreads {
  /** @param stagingName in the staging folder. */
  open(stagingName: string): ThreadedObject;
  /** Folders were taken out of their place: no thread goes on using what it knows of them. */
  foldersChanged(): void;
  /** Objects under way fail. */
  close(): Promise<void>;
}

/** @param incoming absolute path of the staging folder. */
export function createObjectThreads(incoming: string): ObjectThreads {
  const generation = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const lanes = Array.from({ length: LANES }, () => new ObjectLane(incoming, generation));
  let lastObject = 0;
  return {
    open(stagingName) {
      lastObject += 1;
      const isAlone = lanes.every((lane) => lane.load === 0);
      const least = lanes.reduce((best, lane) => (lane.load < best.load ? lane : best));
      return new ThreadedObject(least, lastObject, stagingName, isAlone);
    },
    foldersChanged() {
      Atomics.add(generation, 0, 1);
    },
    async close() {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}
