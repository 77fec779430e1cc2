import type { Logger } from '../ports/logger.ts';
import type { MetadataEncoder, MetadataPart, MetadataUrgency } from '../ports/metadata-encoder.ts';
import type { MetadataStore, PreparedMetadata, SeriesKey } from '../ports/metadata-store.ts';
import type { SeriesContents, StudyIndex } from '../ports/study-index.ts';
import { studyKeyText } from '../study/instance.ts';
import type { StudyKey } from '../study/instance.ts';
import type { InstanceRecord } from '../study/study.ts';
import { encodeSeries } from './encode-series.ts';

/** How metadata is made; a new number makes all of it anew. */
const FORMAT = 1;

export interface MetadataKeeperOptions {
  readonly index: Pick<StudyIndex, 'listContents' | 'listInstances'>;
  readonly encoder: MetadataEncoder;
  readonly store: MetadataStore;
  readonly logger: Logger;
  /** Whether the disk may take more; without, what is made is sent and not kept. */
  readonly hasSpace: () => boolean;
  readonly onSeries: (outcome: MetadataOutcome) => void;
  /** Holds metadata that is not kept. */
  readonly hold: (parts: AsyncIterable<MetadataPart>) => Promise<PreparedMetadata>;
}

/**
 * What happened to the metadata of a series: `found` where it was wanted, `made` because somebody waited for it,
 * `prepared` ahead, or `failed` to be made.
 */
export type MetadataOutcome = 'found' | 'made' | 'prepared' | 'failed';

/** The series is not in the index any more. */
export class SeriesGoneError extends Error {
  override readonly name = 'SeriesGoneError';
}

/**
 * Keeps DICOM JSON metadata of series: found where it was prepared of exactly what the index has now, else made from
 * the objects and kept.
 */
export class MetadataKeeper {
  readonly #options: MetadataKeeperOptions;
  readonly #making = new Map<string, Promise<PreparedMetadata | undefined>>();

  constructor(options: MetadataKeeperOptions) {
    this.#options = options;
  }

  /**
   * Opens the metadata of a series, which the caller closes.
   * @param serviceRoot what BulkDataURIs begin with: an absolute URL without a slash at its end.
   * @throws MetadataSourceError; SeriesGoneError
   */
  async open(study: StudyKey, contents: SeriesContents, serviceRoot: string): Promise<PreparedMetadata> {
    const { store } = this.#options;
    const series: SeriesKey = { ...study, seriesInstanceUid: contents.seriesInstanceUid };
    const stamp = stampOf(contents, serviceRoot);
    const ready = await store.open(series, stamp);
    if (ready !== undefined) {
      this.#options.onSeries('found');
      return ready;
    }
    // Requests for one series wait for one making of it; where that was not kept, each makes its own.
    const making = this.#making.get(`${studyKeyText(series)}/${series.seriesInstanceUid} ${stamp}`);
    if (making !== undefined) {
      await making.catch(() => undefined);
      const made = await store.open(series, stamp);
      if (made !== undefined) return made;
    }
    const made = await this.#make(series, serviceRoot, 'now');
    if (made === undefined) throw new SeriesGoneError('the series is gone');
    return made;
  }

  /** As {@link open}, for one instance, which is not kept. @throws MetadataSourceError */
  openInstance(instance: InstanceRecord, serviceRoot: string): Promise<PreparedMetadata> {
    const { encoder, hold } = this.#options;
    return hold(encodeSeries([instance], { encoder, serviceRoot, urgency: 'now', concurrency: 1 }));
  }

  /** Makes what is missing of a series' metadata, with what the machine has left. */
  async prepare(study: StudyKey, contents: SeriesContents, serviceRoot: string): Promise<void> {
    const { store, hasSpace } = this.#options;
    const series: SeriesKey = { ...study, seriesInstanceUid: contents.seriesInstanceUid };
    const ready = await store.open(series, stampOf(contents, serviceRoot));
    await ready?.close();
    if (ready !== undefined || !hasSpace()) return;
    const made = await this.#make(series, serviceRoot, 'later');
    await made?.close();
  }

  /** Forgets a study that is removed. */
  drop(study: StudyKey): Promise<void> {
    return this.#options.store.drop(study);
  }

  async #make(
    series: SeriesKey,
    serviceRoot: string,
    urgency: MetadataUrgency,
  ): Promise<PreparedMetadata | undefined> {
    const { index, encoder, onSeries } = this.#options;
    // Both in one turn of the event loop: what is made must be what its stamp says.
    const contents = index
      .listContents(series)
      .find(({ seriesInstanceUid }) => seriesInstanceUid === series.seriesInstanceUid);
    const instances = index.listInstances(series, series.seriesInstanceUid);
    if (contents === undefined) return undefined;
    const stamp = stampOf(contents, serviceRoot);
    const parts = (): AsyncIterable<MetadataPart> =>
      encodeSeries(instances, {
        encoder,
        serviceRoot,
        urgency,
        concurrency: urgency === 'now' ? encoder.concurrency : 1,
      });
    const name = `${studyKeyText(series)}/${series.seriesInstanceUid} ${stamp}`;
    const making = this.#keepOrHold(series, stamp, parts);
    if (urgency === 'now') this.#making.set(name, making);
    try {
      const made = await making;
      onSeries(urgency === 'now' ? 'made' : 'prepared');
      // The study may have been removed, and its metadata dropped, while this was written.
      if (index.listContents(series).length === 0) await this.drop(series);
      return made;
    } catch (error) {
      onSeries('failed');
      throw error;
    } finally {
      if (this.#making.get(name) === making) this.#making.delete(name);
    }
  }

  async #keepOrHold(
    series: SeriesKey,
    stamp: string,
    parts: () => AsyncIterable<MetadataPart>,
  ): Promise<PreparedMetadata | undefined> {
    const { store, hold, hasSpace, logger } = this.#options;
    if (!hasSpace()) return hold(parts());
    let encodingFailure: unknown;
    async function* watched(): AsyncGenerator<MetadataPart, void, undefined> {
      try {
        yield* parts();
      } catch (error) {
        encodingFailure = error;
        throw error;
      }
    }
    try {
      await store.write(series, stamp, watched());
      const made = await store.open(series, stamp);
      if (made !== undefined) return made;
    } catch (error) {
      if (encodingFailure !== undefined) throw error;
      const { customer, studyInstanceUid, seriesInstanceUid } = series;
      logger.warn(
        { err: error, customer, studyInstanceUid, seriesInstanceUid },
        'prepared metadata could not be kept; it is made again for each request',
      );
    }
    return hold(parts());
  }
}

/** What metadata was made of and for. */
function stampOf({ digest }: SeriesContents, serviceRoot: string): string {
  return `${FORMAT} ${digest} ${serviceRoot}`;
}
