import type { Worker } from 'node:worker_threads';

import { MetadataSourceError } from '../../core/ports/metadata-encoder.ts';
import type { Uid } from '../../dicom/uid.ts';
import { startWorker } from '../../platform/start-worker.ts';
import type { EncodeJob, EncodedJob, FindJob, FoundBulkData } from './encode-job.ts';
import type { EncodeReply, EncodeWorkerData } from './encode-worker.ts';

export interface EncodeThreadsOptions {
  /** Threads at once. */
  readonly threads: number;
  readonly isYielding: boolean;
  /** A thread without work for so long is ended, which frees its memory. */
  readonly idleMs: number;
  /** A thread that is at one object for so long is ended. */
  readonly timeoutMs: number;
  /** For tests. */
  readonly start?: (workerData: EncodeWorkerData) => Worker;
}

/** JavaScript's own memory in a thread, in MiB: the largest header that is not given up fits. */
const MAX_HEAP_MIB = 512;

/** A thread ended, or had to be ended, over an object: the next one would as well. */
export class EncodeThreadError extends Error {
  override readonly name = 'EncodeThreadError';
  readonly instance: EncodeJob['instances'][number];
  constructor(instance: EncodeJob['instances'][number], message: string, options?: ErrorOptions) {
    super(message, options);
    this.instance = instance;
  }
}

interface Waiting {
  readonly job: EncodeJob | FindJob;
  readonly resolve: (result: EncodedJob | FoundBulkData) => void;
  readonly reject: (error: Error) => void;
}

interface Member {
  readonly worker: Worker;
  current: Waiting | undefined;
  /** Which object of its job it is at. */
  at: number;
  /** Until it is ended: for want of work, or for being at one object too long. */
  timer: NodeJS.Timeout | undefined;
}

/**
 * Threads that encode, one job each at a time. They start when there is work and end when there is none; a job whose
 * thread ends under it fails alone, and names the object that it was at.
 */
export class EncodeThreads {
  readonly #options: EncodeThreadsOptions;
  readonly #members = new Set<Member>();
  readonly #waiting: Waiting[] = [];
  #isClosed = false;

  constructor(options: EncodeThreadsOptions) {
    this.#options = options;
  }

  /** @throws MetadataSourceError; EncodeThreadError; Error where the job failed or the threads are closed. */
  run<J extends EncodeJob | FindJob>(job: J): Promise<J extends FindJob ? FoundBulkData : EncodedJob> {
    if (this.#isClosed)
      return Promise.reject(new Error('metadata is not encoded any more: the daemon stops'));
    return new Promise<EncodedJob | FoundBulkData>((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      this.#assign();
    }) as Promise<J extends FindJob ? FoundBulkData : EncodedJob>;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('the daemon stops'));
    await Promise.all([...this.#members].map((member) => this.#end(member, new Error('the daemon stops'))));
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const idle = [...this.#members].find(({ current }) => current === undefined);
      if (idle === undefined && this.#members.size >= this.#options.threads) return;
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const member = idle ?? this.#join();
      clearTimeout(member.timer);
      member.current = next;
      member.at = 0;
      member.timer = setTimeout(
        () => void this.#end(member, new Error('it does not come to an end')),
        this.#options.timeoutMs,
      );
      member.worker.ref();
      member.worker.postMessage(next.job);
    }
  }

  #join(): Member {
    const { isYielding, idleMs, start = startEncoder } = this.#options;
    const worker = start({ isYielding });
    const member: Member = { worker, current: undefined, at: 0, timer: undefined };
    this.#members.add(member);
    worker.on('message', (reply: EncodeReply) => {
      if (reply.kind === 'at') {
        member.at = reply.index;
        member.timer?.refresh();
        return;
      }
      const { current } = member;
      member.current = undefined;
      // An idle thread does not keep the process alive.
      worker.unref();
      clearTimeout(member.timer);
      member.timer = setTimeout(() => void this.#end(member, undefined), idleMs).unref();
      if (current !== undefined) settle(current, reply);
      this.#assign();
    });
    worker.on('error', (error) => void this.#end(member, error));
    worker.on('exit', () => void this.#end(member, undefined));
    return member;
  }

  async #end(member: Member, error: Error | undefined): Promise<void> {
    if (!this.#members.delete(member)) return;
    clearTimeout(member.timer);
    const { current, at } = member;
    member.current = undefined;
    if (current !== undefined) {
      const { job } = current;
      const instance = 'bulkDataPath' in job ? job.instance : job.instances[at];
      const reason = error?.message ?? 'its thread ended';
      if (this.#isClosed || instance === undefined) current.reject(new Error(reason, { cause: error }));
      else current.reject(new EncodeThreadError(instance, reason, { cause: error }));
    }
    await member.worker.terminate();
    if (!this.#isClosed) this.#assign();
  }
}

function startEncoder(workerData: EncodeWorkerData): Worker {
  return startWorker(new URL('./encode-worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  });
}

function settle({ resolve, reject }: Waiting, reply: Exclude<EncodeReply, { kind: 'at' }>): void {
  switch (reply.kind) {
    case 'done':
      resolve(reply.result);
      return;
    case 'unreadable':
      reject(
        new MetadataSourceError(reply.sopInstanceUid as Uid, `an object cannot be read: ${reply.reason}`),
      );
      return;
    case 'failed':
      reject(new Error(`metadata cannot be encoded: ${reply.reason}`));
  }
}
