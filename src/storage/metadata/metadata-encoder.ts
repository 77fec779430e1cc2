import os from 'node:os';

import type { InstanceStore } from '../../core/ports/instance-store.ts';
import type { MetadataEncoder } from '../../core/ports/metadata-encoder.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import type { EncodeJob } from './encode-job.ts';
import { EncodeThreads } from './encode-threads.ts';

export interface MetadataEncoderOptions {
  readonly store: Pick<InstanceStore, 'pathOf'>;
  /** Threads for what somebody waits for. Default: as many as processors, at most 4. */
  readonly threads?: number;
}

const IDLE_MS = 30_000;

/** Encodes in threads: several for what is wanted now, and a yielding one for what is not. */
export function createMetadataEncoder({
  store,
  threads = Math.min(4, os.availableParallelism()),
}: MetadataEncoderOptions): MetadataEncoder & { close(): Promise<void> } {
  const now = new EncodeThreads({ threads, isYielding: false, idleMs: IDLE_MS });
  const later = new EncodeThreads({ threads: 1, isYielding: true, idleMs: IDLE_MS });
  const fileOf = (instance: InstanceRecord): EncodeJob['instances'][number] => ({
    path: store.pathOf(instance.key),
    dataSetOffset: instance.dataSetOffset,
    transferSyntaxUid: instance.transferSyntaxUid,
    sopClassUid: instance.sopClassUid,
    sopInstanceUid: instance.key.sopInstanceUid,
  });
  return {
    concurrency: threads,
    async encode(instances, serviceRoot, urgency) {
      const [first] = instances;
      if (first === undefined) throw new RangeError('nothing to encode');
      const { customer, studyInstanceUid, seriesInstanceUid } = first.key;
      const seriesUrl = `${serviceRoot}/customers/${customer}/studies/${studyInstanceUid}/series/${seriesInstanceUid}`;
      return (urgency === 'now' ? now : later).run({
        seriesUrl,
        studyInstanceUid,
        seriesInstanceUid,
        instances: instances.map(fileOf),
      });
    },
    async findBulkData(instance, path) {
      const { place } = await now.run({ instance: fileOf(instance), bulkDataPath: path });
      return place;
    },
    async close() {
      await Promise.all([now.close(), later.close()]);
    },
  };
}
