import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';

import { expect, it } from 'vitest';
import yauzl from 'yauzl';

import { zipBytes, zipCentralHeader, zipDescriptor, zipEnd, zipLocalHeader } from './zip-format.ts';
import type { WrittenZipEntry, ZipEntry } from './zip-format.ts';

const MODIFIED_AT = Date.UTC(2026, 10, 22, 13, 37, 42);

it('writes what another reader reads, of many entries', async () => {
  // From 65,535 entries on, the end of the directory is in ZIP64.
  const contents = Array.from({ length: 65_540 }, (_, index) => Buffer.from(String(index)));
  const entries = contents.map(({ length: bytes }, index) => ({
    name: `SE000001/IM${String(index).padStart(6, '0')}.dcm`,
    bytes,
    modifiedAt: MODIFIED_AT,
  }));
  const pieces: Buffer[] = [];
  let offset = 0;
  const put = (...buffers: Buffer[]): void => {
    for (const buffer of buffers) offset += buffer.length;
    pieces.push(...buffers);
  };
  const written = entries.map((entry, index): WrittenZipEntry => {
    const content = contents[index] ?? Buffer.alloc(0);
    const whole = { ...entry, crc32: crc32(content), offset };
    put(zipLocalHeader(entry), content, zipDescriptor(whole));
    return whole;
  });
  const directory = offset;
  for (const entry of written) put(zipCentralHeader(entry));
  put(zipEnd(written.length, directory, offset - directory));
  const file = Buffer.concat(pieces);
  expect(zipBytes(entries)).toBe(file.length);

  const zip = await yauzl.fromBufferPromise(file);
  expect(zip.entryCount).toBe(65_540);
  let seen = 0;
  for await (const entry of zip.eachEntry()) {
    expect(entry.fileName).toBe(entries[seen]?.name);
    if (seen % 50 === 0) {
      expect(entry.getLastModDate({ timezone: 'UTC' }).getTime()).toBe(MODIFIED_AT);
      const chunks: Buffer[] = [];
      for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString()).toBe(String(seen));
      expect(entry.crc32).toBe(crc32(String(seen)));
    }
    seen += 1;
    // All are alike, and reading each takes long.
    if (seen === 200) break;
  }
  expect(seen).toBe(200);
});

it('says in ZIP64 how large an entry of 4 GiB is, and where one behind it stands', async () => {
  const GIB = 2 ** 30;
  const large: ZipEntry = { name: 'a.dcm', bytes: 5 * GIB, modifiedAt: MODIFIED_AT };
  const small: ZipEntry = { name: 'b.dcm', bytes: 10, modifiedAt: MODIFIED_AT };
  expect(zipDescriptor({ ...large, crc32: 1 })).toHaveLength(24);
  const second = zipLocalHeader(large).length + large.bytes + 24;
  const directory = second + zipLocalHeader(small).length + small.bytes + 16;
  const headers = [
    zipCentralHeader({ ...large, crc32: 1, offset: 0 }),
    zipCentralHeader({ ...small, crc32: 2, offset: second }),
  ];
  const bytes = headers.reduce((sum, { length }) => sum + length, 0);
  const end = zipEnd(2, directory, bytes);
  const total = directory + bytes + end.length;
  expect(zipBytes([large, small])).toBe(total);

  // Only the tail is there; readers look for the end in the last 64 KiB, and at nothing else before it.
  const before = Buffer.alloc(70_000);
  const tail = Buffer.concat([before, ...headers, end]);
  const begin = directory - before.length;
  class Tail extends yauzl.RandomAccessReader {
    override read(
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
      callback: (error: Error | null, bytes: number) => void,
    ): void {
      callback(null, tail.copy(buffer, offset, position - begin, position - begin + length));
    }
  }
  const zip = await yauzl.fromRandomAccessReaderPromise(new Tail(), total, { autoClose: false });
  const found = [];
  for await (const entry of zip.eachEntry()) found.push(entry);
  expect(
    found.map(({ fileName, uncompressedSize, relativeOffsetOfLocalHeader }) => [
      fileName,
      uncompressedSize,
      relativeOffsetOfLocalHeader,
    ]),
  ).toEqual([
    ['a.dcm', 5 * GIB, 0],
    ['b.dcm', 10, second],
  ]);
});
