import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';

/** Bytes per slab: a CT slice is two, and few enough messages for large objects. */
const SLAB_BYTES = 256 * 1024;
/** Free slabs kept for the next objects. */
const MAX_FREE = 64;

export interface SharedSlab {
  readonly bytes: Buffer;
}

interface OwnSlab extends SharedSlab {
  readonly id: number;
}

type Reply =
  { readonly session: number; readonly slab: number } | { readonly session: number; readonly digest: string };

interface OpenSession {
  /** By slab id: what to call when it has been read. */
  readonly pending: Map<number, () => void>;
  isDropped: boolean;
  resolve: (digest: string) => void;
  reject: (error: Error) => void;
}

/**
 * SHA-256 in a worker thread; implements the digester port of core. Objects smaller than a slab are digested in place:
 * asking the worker would take longer.
 */
export function createDigester() {
  const memoryOf = new Map<number, OwnSlab>();
  const free: OwnSlab[] = [];
  const sessions = new Map<number, OpenSession>();
  let worker: Worker | undefined;
  let lastSlab = 0;
  let lastSession = 0;

  function onReply(reply: Reply): void {
    const session = sessions.get(reply.session);
    if (session === undefined) return;
    if ('digest' in reply) {
      sessions.delete(reply.session);
      session.resolve(reply.digest);
      return;
    }
    const done = session.pending.get(reply.slab);
    session.pending.delete(reply.slab);
    if (session.isDropped && session.pending.size === 0) sessions.delete(reply.session);
    done?.();
  }

  /** The worker is gone: objects in it fail (their senders try again), the next one gets a new worker. */
  function onFailure(error: Error): void {
    worker = undefined;
    const lost = [...sessions.values()];
    sessions.clear();
    for (const session of lost) {
      for (const done of session.pending.values()) done();
      session.reject(error);
    }
  }

  function running(): Worker {
    if (worker !== undefined) return worker;
    const started = new Worker(new URL('./digest-worker.mjs', import.meta.url));
    started.unref();
    started.on('message', onReply);
    started.on('error', onFailure);
    for (const [slab, { bytes }] of memoryOf)
      started.postMessage({ kind: 'slab', slab, memory: bytes.buffer });
    worker = started;
    return started;
  }

  return {
    slabBytes: SLAB_BYTES,
    take(): SharedSlab {
      const known = free.pop();
      if (known !== undefined) return known;
      lastSlab += 1;
      const memory = new SharedArrayBuffer(SLAB_BYTES);
      const slab = { id: lastSlab, bytes: Buffer.from(memory) };
      memoryOf.set(slab.id, slab);
      worker?.postMessage({ kind: 'slab', slab: slab.id, memory });
      return slab;
    },
    giveBack(slab: SharedSlab): void {
      const { id } = slab as OwnSlab;
      if (free.length < MAX_FREE) {
        free.push(slab as OwnSlab);
        return;
      }
      memoryOf.delete(id);
      worker?.postMessage({ kind: 'forget', slab: id });
    },
    begin() {
      lastSession += 1;
      const id = lastSession;
      let open: OpenSession | undefined;
      let failure: Error | undefined;
      const opened = (): OpenSession => {
        if (open === undefined) {
          open = {
            pending: new Map(),
            isDropped: false,
            resolve: () => undefined,
            reject: (error) => {
              failure = error;
            },
          };
          sessions.set(id, open);
        }
        return open;
      };
      return {
        update(slab: SharedSlab, done: () => void): void {
          const { id: slabId } = slab as OwnSlab;
          if (failure !== undefined) {
            done();
            return;
          }
          opened().pending.set(slabId, done);
          running().postMessage({ kind: 'update', session: id, slab: slabId });
        },
        digest(tail: Buffer): Promise<string> {
          if (failure !== undefined) return Promise.reject(failure);
          if (open === undefined) return Promise.resolve(createHash('sha256').update(tail).digest('hex'));
          const session = open;
          return new Promise((resolve, reject) => {
            session.resolve = resolve;
            session.reject = reject;
            running().postMessage({ kind: 'digest', session: id, tail: new Uint8Array(tail) });
          });
        },
        drop(): void {
          if (open === undefined) return;
          // Updates under way still read their slabs, so those are called done by their replies as ever.
          worker?.postMessage({ kind: 'drop', session: id });
          open.isDropped = true;
          if (open.pending.size === 0) sessions.delete(id);
        },
      };
    },
    async close(): Promise<void> {
      const stopping = worker;
      worker = undefined;
      await stopping?.terminate();
    },
  };
}
