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
}

interface Waiting {
  readonly job: EncodeJob | FindJob;
  readonly resolve: (result: EncodedJob | FoundBulkData) => void;
  readonly reject: (error: Error) => void;
}

interface Member {
  readonly worker: Worker;
  current: Waiting | undefined;
  idleTimer: NodeJS.Timeout | undefined;
}

/**
 * Threads that encode, one job each at a time. They start when there is work and end when there is none; a job whose
 * thread ends under it fails alone.
 */
export class EncodeThreads {
  readonly #options: EncodeThreadsOptions;
  readonly #members = new Set<Member>();
  readonly #waiting: Waiting[] = [];
  #isClosed = false;

  constructor(options: EncodeThreadsOptions) {
    this.#options = options;
  }

  /** @throws MetadataSourceError; Error where the thread failed or the threads are closed. */
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
      clearTimeout(member.idleTimer);
      member.current = next;
      member.worker.ref();
      member.worker.postMessage(next.job);
    }
  }

  #join(): Member {
    const workerData: EncodeWorkerData = { isYielding: this.#options.isYielding };
    const worker = startWorker(new URL('./encode-worker.ts', import.meta.url), { workerData });
    const member: Member = { worker, current: undefined, idleTimer: undefined };
    this.#members.add(member);
    worker.on('message', (reply: EncodeReply) => {
      const { current } = member;
      member.current = undefined;
      // An idle thread does not keep the process alive.
      worker.unref();
      member.idleTimer = setTimeout(() => void this.#end(member, undefined), this.#options.idleMs).unref();
      if (current !== undefined) settle(current, reply);
      this.#assign();
    });
    worker.on('error', (error) => void this.#end(member, error));
    worker.on('exit', () => void this.#end(member, new Error('a metadata thread ended')));
    return member;
  }

  async #end(member: Member, error: Error | undefined): Promise<void> {
    if (!this.#members.delete(member)) return;
    clearTimeout(member.idleTimer);
    const { current } = member;
    member.current = undefined;
    if (current !== undefined) current.reject(error ?? new Error('a metadata thread ended'));
    await member.worker.terminate();
    if (!this.#isClosed) this.#assign();
  }
}

function settle({ resolve, reject }: Waiting, reply: EncodeReply): void {
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
