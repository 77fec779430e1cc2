import { Worker } from 'node:worker_threads';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { PixelJob } from './jobs.ts';
import { createWorkerPool } from './worker-pool.ts';
import type { WorkerPool, WorkerPoolOptions } from './worker-pool.ts';

/** What the thread does, by the number of the frame that it is asked for. */
const CRASH = 13;
const HANG = 14;
const THROW = 15;
const EXHAUST = 16;
const REFUSE = 17;

const THREAD = `
const { parentPort, threadId } = require('node:worker_threads');
parentPort.on('message', ({ frame }) => {
  if (frame === ${CRASH}) process.exit(1);
  if (frame === ${HANG}) for (;;);
  if (frame === ${THROW}) throw new Error('a fault');
  if (frame === ${EXHAUST}) { const all = []; for (;;) all.push(new Array(100000).fill({})); }
  if (frame === ${REFUSE}) parentPort.postMessage({ kind: 'refused', code: 'damaged', message: 'no' });
  else parentPort.postMessage({ kind: 'done', result: { bytes: new Uint8Array([frame]), threadId } });
});`;

const job = (frame: number): PixelJob & { kind: 'encode' } =>
  ({ kind: 'encode', frame, source: {}, transferSyntaxUid: '' }) as PixelJob & { kind: 'encode' };

let started: Worker[];
let pool: WorkerPool;
function create(options: Partial<WorkerPoolOptions> = {}): WorkerPool {
  return createWorkerPool({
    start: () => {
      const worker = new Worker(THREAD, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 } });
      started.push(worker);
      return worker;
    },
    workers: 2,
    maxWaiting: 8,
    timeoutMs: 60_000,
    idleMs: 60_000,
    ...options,
  });
}

beforeEach(() => {
  started = [];
  pool = create();
});
afterEach(() => pool.close());

async function done(frame: number): Promise<number[]> {
  return [...(await pool.run(job(frame))).bytes];
}

describe('threads', () => {
  test('start with the first job, serve many, and are never more than allowed', async () => {
    expect(started).toHaveLength(0);
    expect(await Promise.all([1, 2, 3, 4, 5].map(done))).toEqual([[1], [2], [3], [4], [5]]);
    expect(started).toHaveLength(2);
  });

  test('end when there is no work, and start again', async () => {
    await pool.close();
    pool = create({ idleMs: 1 });
    expect(await done(1)).toEqual([1]);
    await vi.waitFor(() => expect(started[0]?.threadId).toBe(-1));
    expect(await done(2)).toEqual([2]);
    expect(started).toHaveLength(2);
  });
});

test('tells how much it has to do, and how jobs ended', async () => {
  await pool.close();
  const outcomes: string[] = [];
  pool = create({ workers: 1, maxWaiting: 2, onOutcome: (outcome) => outcomes.push(outcome) });
  const all = Promise.allSettled([1, CRASH, REFUSE, 4].map(done));
  expect(pool.load).toEqual({ waiting: 2, running: 1 });
  await all;
  expect(pool.load).toEqual({ waiting: 0, running: 0 });
  expect(outcomes).toEqual(['busy', 'done', 'failed', 'refused']);
});

describe('a job', () => {
  test.each([
    ['whose thread exits', CRASH, { code: 'damaged' }],
    ['that takes all memory', EXHAUST, { code: 'too-large' }],
    ['with a fault', THROW, { message: 'a pixel worker failed' }],
    ['that is refused', REFUSE, { code: 'damaged', message: 'no' }],
  ])('%s fails alone', async (_name, frame, expected) => {
    const all = await Promise.allSettled([1, frame, 2, 3].map(done));
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(all[1]).toMatchObject({ reason: expected });
    expect(await done(4)).toEqual([4]);
  });

  test('that does not end is ended', async () => {
    await pool.close();
    pool = create({ timeoutMs: 2000, workers: 1 });
    const hanging = pool.run(job(HANG));
    const behind = done(1);
    await expect(hanging).rejects.toMatchObject({ code: 'damaged' });
    expect(await behind).toEqual([1]);
  });

  test('that waits is dropped when nobody waits for it any more', async () => {
    await pool.close();
    pool = create({ workers: 1, maxWaiting: 1 });
    const client = new AbortController();
    const first = done(1);
    const gone = pool.run(job(CRASH), client.signal);
    client.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    // Its place in the queue is free again.
    expect(await Promise.all([first, done(2)])).toEqual([[1], [2]]);
    expect(started).toHaveLength(1);
  });

  test('is refused as busy where too many wait, and when the pool is closed', async () => {
    await pool.close();
    await expect(done(1)).rejects.toMatchObject({ code: 'busy' });
    pool = create({ workers: 1, maxWaiting: 1 });
    const all = await Promise.allSettled([1, 2, 3].map(done));
    expect(all[2]).toMatchObject({ status: 'rejected', reason: { code: 'busy' } });
    expect(all.slice(0, 2).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
  });
});
