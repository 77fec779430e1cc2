import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { IdleDigest } from './idle-digest.ts';
import type { Slab } from './object-lane.ts';

const SLAB = 128 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function slabOf(id: number, bytes: Buffer): Slab {
  return { id, bytes, inUse: new Int32Array(1), isHeld: true };
}

/** Slabs of an object whose bytes differ everywhere. */
function objectOf(slabs: number): { readonly content: Buffer; readonly slabs: readonly Slab[] } {
  const content = Buffer.alloc(slabs * SLAB);
  for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at);
  return {
    content,
    slabs: Array.from({ length: slabs }, (_, id) => slabOf(id, content.subarray(id * SLAB, (id + 1) * SLAB))),
  };
}

function digest(): { readonly digest: IdleDigest; readonly released: number[] } {
  const released: number[] = [];
  return { digest: new IdleDigest(({ id }) => released.push(id)), released };
}

describe('a digest made when nothing else is to be done', () => {
  it('is that of all bytes in their order, however they came', () => {
    const { content, slabs } = objectOf(3);
    const { digest: made, released } = digest();
    for (const slab of slabs) {
      let at = slab.id === 0 ? 500 : 0;
      for (const step of [1, 7000, 64 * 1024, SLAB]) {
        const to = Math.min(SLAB, at + step);
        made.add(slab, at, to);
        at = to;
      }
      made.close();
    }
    expect(made.finish()).toBe(sha256(content.subarray(500)));
    expect(released).toEqual([0, 1, 2]);
  });

  it('goes on by itself when nothing comes any more, and lets slabs go', async () => {
    const { slabs } = objectOf(2);
    const { digest: made, released } = digest();
    for (const slab of slabs) {
      made.add(slab, 0, SLAB);
      made.close();
    }
    for (let turn = 0; released.length < 2 && turn < 20; turn += 1) await nextTurn();
    expect(released).toEqual([0, 1]);
  });

  it('lets a slab go that was digested before it was full', async () => {
    const { content, slabs } = objectOf(1);
    const [slab] = slabs;
    if (slab === undefined) throw new Error('no slab');
    const { digest: made, released } = digest();
    made.add(slab, 0, 1000);
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    expect(released).toEqual([]);
    made.close();
    expect(released).toEqual([0]);
    expect(made.finish()).toBe(sha256(content.subarray(0, 1000)));
  });

  it('does not let more than an image wait while bytes keep coming', () => {
    const { slabs } = objectOf(64);
    const { digest: made, released } = digest();
    for (const slab of slabs) {
      made.add(slab, 0, SLAB);
      made.close();
      expect(slab.id + 1 - released.length).toBeLessThanOrEqual(5);
    }
  });

  it('lets all go when the object is dropped, and digests nothing after that', async () => {
    const { slabs } = objectOf(3);
    const { digest: made, released } = digest();
    for (const slab of slabs) {
      made.add(slab, 0, SLAB);
      if (slab.id < 2) made.close();
    }
    made.drop();
    // The one that is still being filled belongs to whoever fills it.
    expect(released).toEqual([0, 1]);
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    expect(released).toEqual([0, 1]);
  });

  it('is that of nothing where nothing came', () => {
    expect(digest().digest.finish()).toBe(sha256(Buffer.alloc(0)));
  });
});
