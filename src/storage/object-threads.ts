import { availableParallelism } from 'node:os';

import type { DurableFolders } from './durable-folders.ts';
import { ObjectLane } from './object-lane.ts';
import { failureOf, ThreadedObject } from './threaded-object.ts';

/**
 * Threads that write. An object stays on one, so its bytes keep their order; at least two, so that a disk that takes its
 * time over one object holds up only some of the others.
 */
const LANES = Math.min(4, Math.max(2, availableParallelism()));

/** Threads that write, digest and put in place the objects of a store. Each is started when first needed. */
export interface ObjectThreads {
  /** @param stagingName in the staging folder. */
  open(stagingName: string): ThreadedObject;
  /** Removes staging links, between everything else. @throws StoreError where one of them cannot be removed. */
  release(stagingNames: readonly string[]): Promise<void>;
  /** Objects under way fail. */
  close(): Promise<void>;
}

export interface ObjectThreadsOptions {
  /** Absolute path of the staging folder. */
  readonly incoming: string;
  /** Shared memory: grows where folders may be gone, see {@link DurableFolders}. */
  readonly generation: Int32Array;
  /** The staging folder is synced at the side of the threads' user at times. */
  readonly folders: Pick<DurableFolders, 'sync'>;
}

export function createObjectThreads({ incoming, generation, folders }: ObjectThreadsOptions): ObjectThreads {
  const lanes = Array.from({ length: LANES }, () => new ObjectLane(incoming, generation));
  const syncFolder = (): Promise<void> => folders.sync(incoming);
  let lastObject = 0;
  return {
    open(stagingName) {
      lastObject += 1;
      const isAlone = lanes.every((lane) => lane.load === 0);
      const least = lanes.reduce((best, lane) => (lane.load < best.load ? lane : best));
      return new ThreadedObject({ lane: least, id: lastObject, name: stagingName, isAlone, syncFolder });
    },
    async release(stagingNames) {
      const [lane] = lanes;
      if (lane === undefined || stagingNames.length === 0) return;
      const { failure } = await lane.ask((question) => ({
        kind: 'message',
        message: { kind: 'release', question, names: stagingNames },
      }));
      if (failure !== undefined) throw failureOf(failure);
    },
    async close() {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}
