import { Worker } from 'node:worker_threads';

/** What reading a file through came to. */
export type FileReading =
  | {
      readonly kind: 'read';
      readonly bytes: number;
      /** SHA-256 from `offset` to the end, lower-case hex. */
      readonly sha256: string;
      /** What is before `offset`. */
      readonly head: Uint8Array;
    }
  /** `code` is the system's, such as `ENOENT` or `EIO`. */
  | { readonly kind: 'failed'; readonly code: string };

export interface FileWorkerOptions {
  /** Files read at the same time. Default 1. */
  readonly threads?: number;
}

export interface ReadFileOptions {
  /** Where the digest starts; default 0. */
  readonly offset?: number;
  /** Copies the file there at the same time, with its times, synced. The name must be free. */
  readonly copyTo?: string;
  /** Slows reading down; shared by what one thread reads. 0 (default): as fast as it goes. */
  readonly maxBytesPerSecond?: number;
}

export interface FileWorker {
  /** How many files it reads at once. */
  readonly threads: number;
  /** Reads a file from end to end in a worker thread, in constant memory. Rejects only when the worker fails or is closed. */
  read(path: string, options?: ReadFileOptions): Promise<FileReading>;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (reading: FileReading) => void;
  readonly reject: (error: Error) => void;
}

interface Reply {
  readonly id: number;
  readonly failure?: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly head: Uint8Array;
}

/** Threads that read, digest and copy whole files, so that the event loop does not. Started when first needed. */
export function createFileWorker({ threads = 1 }: FileWorkerOptions = {}): FileWorker {
  const lanes = Array.from({ length: threads }, () => createLane());
  return {
    threads,
    read(path, { offset = 0, copyTo, maxBytesPerSecond = 0 } = {}) {
      const least = lanes.reduce((best, lane) => (lane.load() < best.load() ? lane : best));
      return least.read({ path, offset, copyTo: copyTo ?? null, maxBytesPerSecond });
    },
    async close() {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}

function createLane() {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastId = 0;

  function fail(error: Error): void {
    worker = undefined;
    const lost = [...waiting.values()];
    waiting.clear();
    for (const { reject } of lost) reject(error);
  }
  function running(): Worker {
    if (worker !== undefined) return worker;
    const started = new Worker(new URL('./file-worker.mjs', import.meta.url));
    started.on('message', ({ id, failure, bytes, sha256, head }: Reply) => {
      const one = waiting.get(id);
      waiting.delete(id);
      if (waiting.size === 0) started.unref();
      if (failure !== undefined) one?.resolve({ kind: 'failed', code: failure });
      else one?.resolve({ kind: 'read', bytes, sha256, head });
    });
    started.on('error', fail);
    worker = started;
    return started;
  }

  return {
    load: () => waiting.size,
    read: (task: { path: string; offset: number; copyTo: string | null; maxBytesPerSecond: number }) =>
      new Promise<FileReading>((resolve, reject) => {
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        const started = running();
        started.ref();
        started.postMessage({ id: lastId, ...task });
      }),
    async close(): Promise<void> {
      const stopping = worker;
      fail(new Error('the reading of files was broken off'));
      await stopping?.terminate();
    },
  };
}
