import { Buffer } from 'node:buffer';
import { deflateRawSync, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { inflateDataSet } from './inflate.ts';

// Text of changing digits: compressible, yet deflated to enough bytes to cut in the middle.
const plain = Buffer.from(Array.from({ length: 20_000 }, (_, n) => String(n * n)).join(','), 'latin1');

describe('inflateDataSet', () => {
  it('inflates a raw deflate stream', async () => {
    const { bytes, ending } = await inflateDataSet(deflateRawSync(plain));
    expect(bytes.equals(plain)).toBe(true);
    expect(ending).toBe('end-of-stream');
  });

  it('inflates a stream of stored blocks', async () => {
    const stored = deflateRawSync(plain, { level: 0 });
    expect((await inflateDataSet(stored)).bytes.equals(plain)).toBe(true);
  });

  it('inflates one with the zlib header that some writers add', async () => {
    const { bytes, ending } = await inflateDataSet(deflateSync(plain));
    expect(bytes.equals(plain)).toBe(true);
    expect(ending).toBe('end-of-stream');
  });

  it('gives what a stream cut short still holds', async () => {
    const deflated = deflateRawSync(plain);
    const { bytes, ending } = await inflateDataSet(deflated.subarray(0, deflated.length / 2));
    expect(ending).toBe('cut-off');
    expect(bytes.length).toBeGreaterThan(plain.length / 4);
    expect(bytes.equals(plain.subarray(0, bytes.length))).toBe(true);
  });

  it('stops at its bound, whatever the stream would inflate to', async () => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024));
    const { bytes, ending } = await inflateDataSet(bomb, { maxLength: 100_000 });
    expect(ending).toBe('bound');
    expect(bytes.length).toBe(100_000);
  });

  it('says that bytes are no deflate stream', async () => {
    expect(await inflateDataSet(Buffer.alloc(64, 0xff))).toEqual({
      bytes: Buffer.alloc(0),
      ending: 'corrupt',
    });
  });

  it('takes no bytes for a stream cut short', async () => {
    expect(await inflateDataSet(Buffer.alloc(0))).toEqual({ bytes: Buffer.alloc(0), ending: 'cut-off' });
  });
});
