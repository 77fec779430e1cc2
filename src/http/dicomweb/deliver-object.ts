import { setTimeout as delay } from 'node:timers/promises';
import type { InstanceStore, OpenedInstance } from '../../core/ports/instance-store.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { PixelError } from '../../core/ports/pixel-codec.ts';
import type { PixelCodec, PixelSource } from '../../core/ports/pixel-codec.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import type { Uid } from '../../dicom/uid.ts';
import { HttpProblem } from '../errors.ts';
import type { ObjectOpener } from '../object-opener.ts';
import { ClientGoneError } from '../response-writer.ts';
import { notFound } from './study-of-request.ts';
import type { SyntaxChoice } from './transfer-syntax-choice.ts';

export interface DeliverObjectOptions {
  readonly opener: ObjectOpener;
  readonly index: Pick<StudyIndex, 'findInstance'>;
  readonly store: Pick<InstanceStore, 'pathOf'>;
  readonly codec: Pick<PixelCodec, 'transcode'>;
  readonly logger: Logger;
}

/** An object as it goes out. */
export interface Delivery {
  readonly opened: OpenedInstance;
  readonly transferSyntaxUid: Uid;
}

export interface DeliverObject {
  /**
   * Opens an object in the Transfer Syntax that was chosen for it.
   * @throws what {@link ObjectOpener.open} throws; PixelError; the signal's reason.
   */
  readonly deliver: (
    instance: InstanceRecord,
    choice: SyntaxChoice,
    signal: AbortSignal,
  ) => Promise<Delivery>;
  /** What to answer where that, or sending it, failed; faults of the store and of pixels are logged. */
  readonly problemOf: (error: unknown, instance: InstanceRecord) => unknown;
}

/** A place among the codec's jobs is waited for at most so often. */
const MAX_BUSY_WAITS = 20;
const BUSY_WAIT_MS = 500;

export function createDeliverObject(options: DeliverObjectOptions): DeliverObject {
  const { opener, index, store, codec, logger } = options;
  const asStored = async (instance: InstanceRecord): Promise<Delivery> => ({
    opened: await opener.open(instance),
    transferSyntaxUid: instance.transferSyntaxUid,
  });
  return {
    async deliver(instance, choice, signal) {
      if (choice.kind === 'as-stored') return asStored(instance);
      const { to, orAsStored } = choice;
      for (let waits = 0; ; waits++) {
        try {
          const opened = await codec.transcode(pixelSource(store, instance), to, { signal });
          return { opened, transferSyntaxUid: to };
        } catch (error) {
          if (!(error instanceof PixelError)) throw error;
          const isBusy = error.code === 'busy';
          if (!isBusy && orAsStored) return asStored(instance);
          if (!isBusy || waits === MAX_BUSY_WAITS) throw error;
          await delay(BUSY_WAIT_MS, undefined, { signal });
        }
      }
    },
    problemOf(error, { key }) {
      if (error instanceof HttpProblem || error instanceof ClientGoneError) return error;
      if (error instanceof Error && error.name === 'AbortError') return error;
      // Removed since it was looked up: no fault.
      if (index.findInstance(key) === undefined) return notFound();
      if (!(error instanceof PixelError)) return opener.reportFault(error, key);
      logger.warn(
        { ...key, code: error.code, err: error },
        'the pixels of an object cannot be sent as asked for',
      );
      return pixelProblem(error);
    },
  };
}

/** An object as the codec finds it. */
export function pixelSource(store: Pick<InstanceStore, 'pathOf'>, instance: InstanceRecord): PixelSource {
  const { key, dataSetOffset, transferSyntaxUid } = instance;
  return { path: store.pathOf(key), dataSetOffset, transferSyntaxUid };
}

/** What the client is told of pixels that cannot be had. */
function pixelProblem(error: PixelError): HttpProblem {
  const { code, message: detail } = error;
  switch (code) {
    case 'busy':
      return new HttpProblem(503, { code, detail, headers: { 'Retry-After': '5' }, cause: error });
    case 'no-such-frame':
      return new HttpProblem(404, { code, detail, cause: error });
    case 'unsupported':
    case 'no-pixels':
    case 'too-large':
    case 'damaged':
      return new HttpProblem(406, { code: `pixels-${code}`, detail, cause: error });
  }
}
