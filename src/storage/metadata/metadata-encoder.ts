import os from 'node:os';
import { LRUCache } from 'lru-cache';

import type { InstanceStore } from '../../core/ports/instance-store.ts';
import { MetadataSourceError } from '../../core/ports/metadata-encoder.ts';
import type { MetadataEncoder } from '../../core/ports/metadata-encoder.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import type { EncodeJob } from './encode-job.ts';
import { EncodeThreadError, EncodeThreads } from './encode-threads.ts';
import type { EncodeThreadsOptions } from './encode-threads.ts';

export interface MetadataEncoderOptions {
  readonly store: Pick<InstanceStore, 'pathOf'>;
  /** Threads for what somebody waits for. Default: as many as processors, at most 4. */
  readonly threads?: number;
  /** For tests. */
  readonly start?: EncodeThreadsOptions['start'];
}

const IDLE_MS = 30_000;
/** Real headers take a millisecond; a disk that has gone to sleep takes seconds. */
const TIMEOUT_MS = 60_000;
/** Objects that ended a thread are not tried again for so long: a slow disk may be quick again by then. */
const SPOILED_FOR_MS = 3_600_000;
const MAX_SPOILED = 1000;

/** Encodes in threads: several for what is wanted now, and a yielding one for what is not. */
export function createMetadataEncoder({
  store,
  threads = Math.min(4, os.availableParallelism()),
  start,
}: MetadataEncoderOptions): MetadataEncoder & { close(): Promise<void> } {
  const common = { idleMs: IDLE_MS, timeoutMs: TIMEOUT_MS, ...(start && { start }) };
  const now = new EncodeThreads({ ...common, threads, isYielding: false });
  const later = new EncodeThreads({ ...common, threads: 1, isYielding: true });
  /** Why, by path. */
  const spoiled = new LRUCache<string, string>({ max: MAX_SPOILED, ttl: SPOILED_FOR_MS });
  const fileOf = (instance: InstanceRecord): EncodeJob['instances'][number] => ({
    path: store.pathOf(instance.key),
    dataSetOffset: instance.dataSetOffset,
    transferSyntaxUid: instance.transferSyntaxUid,
    sopClassUid: instance.sopClassUid,
    sopInstanceUid: instance.key.sopInstanceUid,
  });
  const refuse = ({ sopInstanceUid }: EncodeJob['instances'][number], reason: string): MetadataSourceError =>
    new MetadataSourceError(sopInstanceUid, `an object cannot be encoded: ${reason}`);
  /** Runs a job, unless one of its objects has ended a thread lately. */
  const guarded = async <T>(files: EncodeJob['instances'], run: () => Promise<T>): Promise<T> => {
    for (const file of files) {
      const reason = spoiled.get(file.path);
      if (reason !== undefined) throw refuse(file, reason);
    }
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof EncodeThreadError)) throw error;
      spoiled.set(error.instance.path, error.message);
      throw refuse(error.instance, error.message);
    }
  };
  return {
    concurrency: threads,
    async encode(instances, serviceRoot, urgency) {
      const [first] = instances;
      if (first === undefined) throw new RangeError('nothing to encode');
      const { customer, studyInstanceUid, seriesInstanceUid } = first.key;
      const seriesUrl = `${serviceRoot}/customers/${customer}/studies/${studyInstanceUid}/series/${seriesInstanceUid}`;
      const files = instances.map(fileOf);
      return guarded(files, () =>
        (urgency === 'now' ? now : later).run({
          seriesUrl,
          studyInstanceUid,
          seriesInstanceUid,
          instances: files,
        }),
      );
    },
    async findBulkData(instance, path) {
      const file = fileOf(instance);
      const { place } = await guarded([file], () => now.run({ instance: file, bulkDataPath: path }));
      return place;
    },
    async close() {
      await Promise.all([now.close(), later.close()]);
    },
  };
}
