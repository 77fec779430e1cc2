import { StoreError } from '../core/ports/instance-store.ts';
import type { InstanceStore, OpenedInstance } from '../core/ports/instance-store.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { InstanceKey } from '../core/study/instance.ts';
import type { InstanceRecord } from '../core/study/study.ts';
import type { Metrics } from '../observability/metrics.ts';
import { HttpProblem } from './errors.ts';
import { ShortContentError } from './response-writer.ts';

/** A file is not of the size that the index has for it. */
class ShortObjectError extends Error {
  override readonly name = 'ShortObjectError';
}

export interface ObjectOpenerOptions {
  readonly store: Pick<InstanceStore, 'open'>;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'objectFaults'>;
}

/** Opens objects that the index has, and makes of what goes wrong what operator and client have to know. */
export interface ObjectOpener {
  /** @throws StoreError; ShortObjectError where the file is not of the size that the index says. */
  open(record: InstanceRecord): Promise<OpenedInstance>;
  /** Logs and counts that an object could not be read. @returns what to tell the client. */
  reportFault(error: unknown, key: InstanceKey): HttpProblem;
}

const RETRY_AFTER_SECONDS = '10';

export function createObjectOpener({ store, logger, metrics }: ObjectOpenerOptions): ObjectOpener {
  return {
    async open(record) {
      const opened = await store.open(record.key);
      if (opened.bytes === record.fileBytes) return opened;
      await opened.close();
      throw new ShortObjectError(`the file has ${opened.bytes} bytes, the index says ${record.fileBytes}`);
    },
    reportFault(error, key) {
      const reason = reasonOf(error);
      metrics.objectFaults.inc({ reason });
      logger.error({ ...key, reason, err: error }, 'an indexed object cannot be read from the object store');
      if (reason === 'out-of-resources')
        return new HttpProblem(503, {
          code: 'object-unavailable',
          detail: 'The object cannot be read just now. Try again.',
          headers: { 'Retry-After': RETRY_AFTER_SECONDS },
        });
      return new HttpProblem(500, {
        code: `object-${reason === 'not-found' ? 'missing' : 'unreadable'}`,
        detail: 'The object is in the index, but its file cannot be read. The operator has been told.',
      });
    },
  };
}

function reasonOf(error: unknown): 'damaged' | StoreError['code'] {
  if (error instanceof ShortObjectError || error instanceof ShortContentError) return 'damaged';
  return error instanceof StoreError ? error.code : 'io';
}
