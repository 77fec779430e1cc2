import { expect, it } from 'vitest';
import { uid } from '../dicom/uid.ts';
import { createPictureRenderer } from './picture-renderer.ts';
import type { JobResult, PixelJob, RenderedPicture } from './jobs.ts';
import type { WorkerPool } from './worker-pool.ts';

const SOURCE = { path: '/nowhere', dataSetOffset: 0, transferSyntaxUid: uid('1.2.840.10008.1.2.1') };
const PICTURE: RenderedPicture = {
  samples: new Uint8Array(64 * 64),
  columns: 64,
  rows: 64,
  channels: 1,
  pixelAspect: 1,
};

/** Decodes at once, so that encoding is what takes time. */
function quickPool(): WorkerPool & { decoded: number } {
  const pool = {
    decoded: 0,
    load: { waiting: 0, running: 0 },
    run<J extends PixelJob>(): Promise<JobResult<J>> {
      pool.decoded += 1;
      return Promise.resolve({ ...PICTURE, samples: PICTURE.samples.slice() } as JobResult<J>);
    },
    close: () => Promise.resolve(),
  };
  return pool;
}

it('has few decoded pictures in memory at once, however many are asked for', async () => {
  const pool = quickPool();
  const renderer = createPictureRenderer(pool, { concurrency: 2, maxWaiting: 64 });
  let finished = 0;
  let most = 0;
  const one = async (): Promise<void> => {
    await renderer.render(SOURCE, 1, {
      mediaType: 'image/png',
      viewport: { width: 600, height: 600 },
    });
    most = Math.max(most, pool.decoded - finished);
    finished += 1;
  };
  await Promise.all(Array.from({ length: 20 }, one));
  expect(pool.decoded).toBe(20);
  // The next begins a moment before the one that made room for it is noticed here.
  expect(most).toBeLessThanOrEqual(4);
});

it('refuses pictures beyond those that may wait, and takes new ones afterwards', async () => {
  const pool = quickPool();
  const renderer = createPictureRenderer(pool, { concurrency: 1, maxWaiting: 2 });
  const ask = () => renderer.render(SOURCE, 1, { mediaType: 'image/jpeg' });
  const results = await Promise.allSettled([ask(), ask(), ask(), ask()]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
  expect(results[3]).toMatchObject({ reason: { code: 'busy' } });
  await expect(ask()).resolves.toBeInstanceOf(Uint8Array);
});

it('does not decode for somebody who left while waiting', async () => {
  const pool = quickPool();
  const renderer = createPictureRenderer(pool, { concurrency: 1, maxWaiting: 2 });
  const first = renderer.render(SOURCE, 1, { mediaType: 'image/jpeg' });
  const gone = new AbortController();
  const second = renderer.render(SOURCE, 1, { mediaType: 'image/jpeg', signal: gone.signal });
  gone.abort(new Error('left'));
  await expect(second).rejects.toThrow('left');
  await first;
  expect(pool.decoded).toBe(1);
});
