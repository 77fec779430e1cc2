import type { Worker } from 'node:worker_threads';

import { PixelError } from '../core/ports/pixel-codec.ts';
import type { JobResult, PixelJob, WorkerReply } from './jobs.ts';

export interface WorkerPoolOptions {
  readonly start: () => Worker;
  /** Threads at once. */
  readonly workers: number;
  /** Jobs that wait for a thread; more are refused as `busy`. */
  readonly maxWaiting: number;
  /** A thread that says nothing for so long is ended, and its job is `damaged`. */
  readonly timeoutMs: number;
  /** A thread without work for so long is ended, which frees its memory. */
  readonly idleMs: number;
  /** Hears how each job ended: `failed` where its thread did, `busy` where there was no place for it. */
  readonly onOutcome?: ((outcome: PixelJobOutcome) => void) | undefined;
}

export type PixelJobOutcome = 'done' | 'refused' | 'failed' | 'busy';

/** Threads that do jobs, one each at a time. */
export interface WorkerPool {
  /** Jobs that wait for a thread, and those that have one. */
  readonly load: { readonly waiting: number; readonly running: number };
  /** @throws PixelError; what the signal was aborted with; Error for faults that are no matter of the image. */
  run<J extends PixelJob>(job: J, signal?: AbortSignal): Promise<JobResult<J>>;
  close(): Promise<void>;
}

interface Waiting {
  readonly job: PixelJob;
  readonly settle: (reply: WorkerReply) => void;
  readonly fail: (error: Error) => void;
}

interface Member {
  readonly worker: Worker;
  current: Waiting | undefined;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Threads start when there is work and end when there is none. A job whose thread ends under it, whatever the reason,
 * fails alone; the next job gets a new thread.
 */
export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { start, workers, maxWaiting, timeoutMs, idleMs, onOutcome } = options;
  const members = new Set<Member>();
  const waiting: Waiting[] = [];
  let isClosed = false;

  function end(member: Member, error?: Error): void {
    clearTimeout(member.timer);
    members.delete(member);
    const { current } = member;
    member.current = undefined;
    void member.worker.terminate();
    current?.fail(error ?? new PixelError('damaged', 'Decoding this image ended its decoder.'));
    assign();
  }

  function watch(member: Member): void {
    clearTimeout(member.timer);
    member.timer = setTimeout(() => {
      end(member, new PixelError('damaged', 'Decoding this image did not come to an end.'));
    }, timeoutMs);
    member.timer.unref();
  }

  function rest(member: Member): void {
    clearTimeout(member.timer);
    member.timer = setTimeout(() => end(member), idleMs);
    member.timer.unref();
    // An idle thread does not keep the process alive.
    member.worker.unref();
  }

  function join(): Member {
    const member: Member = { worker: start(), current: undefined, timer: undefined };
    members.add(member);
    member.worker.on('message', (reply: WorkerReply) => {
      const { current } = member;
      if (current === undefined) return;
      if (reply.kind === 'alive') {
        watch(member);
        return;
      }
      member.current = undefined;
      rest(member);
      current.settle(reply);
      assign();
    });
    member.worker.on('error', (error: Error) => {
      const isMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      end(
        member,
        isMemory
          ? new PixelError('too-large', 'Decoding this image takes more memory than it may.')
          : new Error('a pixel worker failed', { cause: error }),
      );
    });
    member.worker.on('exit', () => {
      if (members.has(member)) end(member);
    });
    return member;
  }

  function assign(): void {
    while (!isClosed && waiting.length > 0) {
      const idle = [...members].find(({ current }) => current === undefined);
      if (idle === undefined && members.size >= workers) return;
      const next = waiting.shift();
      if (next === undefined) return;
      const member = idle ?? join();
      member.current = next;
      member.worker.ref();
      watch(member);
      member.worker.postMessage(next.job);
    }
  }

  return {
    get load() {
      const running = [...members].filter(({ current }) => current !== undefined).length;
      return { waiting: waiting.length, running };
    },
    run<J extends PixelJob>(job: J, signal?: AbortSignal): Promise<JobResult<J>> {
      return new Promise<JobResult<J>>((resolve, reject) => {
        if (isClosed) {
          reject(new PixelError('busy', 'The daemon is stopping.'));
          return;
        }
        if (signal?.aborted === true) {
          reject(signal.reason as Error);
          return;
        }
        if (waiting.length >= maxWaiting) {
          onOutcome?.('busy');
          reject(new PixelError('busy', 'Too many images are being decoded already. Try again in a moment.'));
          return;
        }
        const onAbort = (): void => {
          const place = waiting.indexOf(entry);
          if (place >= 0) waiting.splice(place, 1);
          const member = [...members].find(({ current }) => current === entry);
          reject(signal?.reason as Error);
          if (member !== undefined && job.kind === 'transcode') end(member, signal?.reason as Error);
        };
        const entry: Waiting = {
          job,
          settle: (reply) => {
            signal?.removeEventListener('abort', onAbort);
            onOutcome?.(reply.kind === 'done' || reply.kind === 'refused' ? reply.kind : 'failed');
            if (reply.kind === 'done') resolve(reply.result as JobResult<J>);
            else if (reply.kind === 'refused') reject(new PixelError(reply.code, reply.message));
            else reject(new Error(reply.kind === 'failed' ? reply.message : reply.kind));
          },
          fail: (error) => {
            signal?.removeEventListener('abort', onAbort);
            if (!isClosed && signal?.aborted !== true) onOutcome?.('failed');
            reject(error);
          },
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        waiting.push(entry);
        assign();
      });
    },
    async close(): Promise<void> {
      isClosed = true;
      const stopping = new PixelError('busy', 'The daemon is stopping.');
      for (const entry of waiting.splice(0)) entry.fail(stopping);
      await Promise.all(
        [...members].map(async (member) => {
          const ended = new Promise((resolve) => member.worker.once('exit', resolve));
          end(member, stopping);
          await ended;
        }),
      );
    },
  };
}
