import type { MetadataEncoder, MetadataPart, MetadataUrgency } from '../ports/metadata-encoder.ts';
import type { InstanceRecord } from '../study/study.ts';

/** Instances per call: enough to be worth a message to a thread, few enough for several threads to share a series. */
const CHUNK_INSTANCES = 64;

export interface EncodeSeriesOptions {
  readonly encoder: MetadataEncoder;
  readonly serviceRoot: string;
  readonly urgency: MetadataUrgency;
  /** Calls at once. */
  readonly concurrency: number;
}

/**
 * Encodes the instances of a series in order, several calls at once, never more ahead than that.
 * @throws MetadataSourceError
 */
export async function* encodeSeries(
  instances: readonly InstanceRecord[],
  { encoder, serviceRoot, urgency, concurrency }: EncodeSeriesOptions,
): AsyncGenerator<MetadataPart, void, undefined> {
  const begun: Promise<MetadataPart>[] = [];
  let next = 0;
  const begin = (): void => {
    const chunk = instances.slice(next, next + CHUNK_INSTANCES);
    next += CHUNK_INSTANCES;
    const part = encoder.encode(chunk, serviceRoot, urgency);
    // One that fails before its turn is noticed at its turn, or never where an earlier one fails first.
    part.catch(() => undefined);
    begun.push(part);
  };
  while (next < instances.length && begun.length < concurrency) begin();
  for (let part = begun.shift(); part !== undefined; part = begun.shift()) {
    const done = await part;
    if (next < instances.length) begin();
    yield done;
  }
}
