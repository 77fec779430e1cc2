import { describe, expect, it } from 'vitest';
import { LARGE_BUFFER_BYTES, createBufferPool } from './buffer-pool.ts';

describe('buffer pool', () => {
  it('lends a buffer again once it came back', () => {
    const pool = createBufferPool();
    const first = pool.take(LARGE_BUFFER_BYTES);
    expect(pool.take(LARGE_BUFFER_BYTES).bytes === first.bytes).toBe(false);
    first.release();
    expect(pool.take(LARGE_BUFFER_BYTES).bytes === first.bytes).toBe(true);
  });

  it('lends small buffers when all large ones are out, and never lends an abandoned one again', () => {
    const pool = createBufferPool({ maxLargeBuffers: 1 });
    const large = pool.take(LARGE_BUFFER_BYTES);
    expect(large.bytes.length).toBe(LARGE_BUFFER_BYTES);
    expect(pool.take(LARGE_BUFFER_BYTES).bytes.length).toBe(65_536);
    large.abandon();
    const next = pool.take(LARGE_BUFFER_BYTES);
    expect(next.bytes.length).toBe(LARGE_BUFFER_BYTES);
    expect(next.bytes === large.bytes).toBe(false);
  });
});
