import { createHash } from 'node:crypto';

import { afterEach, describe, expect, it } from 'vitest';

import { createDigester } from './digester.ts';

const digester = createDigester();
afterEach(() => digester.close());

const sha256 = (...parts: Uint8Array[]): string =>
  createHash('sha256').update(Buffer.concat(parts)).digest('hex');

/** Passes `bytes` through slabs. @returns the digest, and how many slabs were called done. */
async function digestOf(bytes: Buffer): Promise<{ digest: string; done: number }> {
  const session = digester.begin();
  let done = 0;
  let at = 0;
  for (; bytes.length - at >= digester.slabBytes; at += digester.slabBytes) {
    const slab = digester.take();
    bytes.copy(slab.bytes, 0, at);
    session.update(slab, () => {
      done += 1;
      digester.giveBack(slab);
    });
  }
  return { digest: await session.digest(bytes.subarray(at)), done };
}

describe('digester', () => {
  it('gives the SHA-256 of small and large objects, several at a time', async () => {
    const objects = [0, 5, digester.slabBytes - 1, digester.slabBytes, 3 * digester.slabBytes + 77].map(
      (size, fill) => Buffer.alloc(size, fill + 1),
    );
    const results = await Promise.all(objects.map(digestOf));
    expect(results.map(({ digest }) => digest)).toEqual(objects.map((bytes) => sha256(bytes)));
    expect(results.map(({ done }) => done)).toEqual([0, 0, 0, 1, 3]);
  });

  it('calls each slab done once also for an object that is given up', async () => {
    const session = digester.begin();
    const slab = digester.take();
    const done = new Promise<void>((resolve) => session.update(slab, resolve));
    session.drop();
    await done;
    digester.giveBack(slab);
    expect((await digestOf(Buffer.from('next'))).digest).toBe(sha256(Buffer.from('next')));
  });
});
