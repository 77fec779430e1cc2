import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { uid } from '../uid.ts';
import { readFileMeta, writeFileMeta } from './file-meta.ts';

const fields = {
  sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
  sopInstanceUid: uid('1.2.3.4.55'),
  transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
};
const DATA_SET_START = Buffer.from([0x08, 0x00, 0x05, 0x00]);

/** A file of preamble, prefix and the given elements, then the start of a Data Set. */
function fileOf(...elements: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), ...elements, DATA_SET_START]);
}

function explicit(element: number, vr: string, value: string): Buffer {
  const header = Buffer.from([2, 0, element, 0, 0, 0, 0, 0]);
  header.write(vr, 4, 'latin1');
  header.writeUInt16LE(value.length, 6);
  return Buffer.concat([header, Buffer.from(value, 'latin1')]);
}

describe('writeFileMeta', () => {
  it('writes preamble, prefix, and a group whose length counts the bytes after it', () => {
    const meta = writeFileMeta(fields);
    expect(meta.subarray(0, 128)).toEqual(Buffer.alloc(128));
    expect(meta.toString('latin1', 128, 140)).toBe('DICM\x02\0\0\0UL\x04\0');
    expect(meta.readUInt32LE(140)).toBe(meta.length - 144);
    expect(meta.subarray(144, 158).toString('latin1')).toBe('\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01');
    expect(meta.length % 2).toBe(0);
  });

  it('is read back with what was put in', () => {
    const meta = writeFileMeta({ ...fields, callingAeTitle: 'CT1', calledAeTitle: 'CITYMED' });
    expect(readFileMeta(Buffer.concat([meta, DATA_SET_START]))).toEqual({
      kind: 'complete',
      dataSetOffset: meta.length,
      ...fields,
      implementationClassUid: '2.25.136289569213147089128194526020963327544',
      implementationVersionName: 'AVARA_INGEST_0.1',
      sourceApplicationEntityTitle: 'CT1',
      sendingApplicationEntityTitle: 'CT1',
      receivingApplicationEntityTitle: 'CITYMED',
    });
  });

  it('leaves AE titles out where there are none', () => {
    const reading = readFileMeta(Buffer.concat([writeFileMeta(fields), DATA_SET_START]));
    expect(reading).not.toHaveProperty('sourceApplicationEntityTitle');
    expect(reading).not.toHaveProperty('receivingApplicationEntityTitle');
  });
});

describe('readFileMeta', () => {
  it('asks for more until the first element of the Data Set is in sight', () => {
    const file = Buffer.concat([writeFileMeta(fields), DATA_SET_START]);
    for (let length = 0; length < file.length - 2; length++) {
      expect(readFileMeta(file.subarray(0, length)).kind).toBe('needs-more');
    }
    expect(readFileMeta(file.subarray(0, file.length - 2)).kind).toBe('complete');
  });

  it('walks past a group length that is too short, too long or missing', () => {
    const syntax = explicit(0x10, 'UI', '1.2.840.10008.1.2\0');
    for (const declared of ['\x02\0\0\0', '\xff\xff\0\0', '\xff\xff\xff\xff']) {
      const file = fileOf(explicit(0, 'UL', declared), syntax);
      expect(readFileMeta(file)).toMatchObject({
        kind: 'complete',
        transferSyntaxUid: '1.2.840.10008.1.2',
        dataSetOffset: file.length - DATA_SET_START.length,
      });
    }
    expect(readFileMeta(fileOf(syntax))).toMatchObject({ transferSyntaxUid: '1.2.840.10008.1.2' });
  });

  it('reads a group that was encoded in Implicit VR', () => {
    const implicit = Buffer.concat([
      Buffer.from([2, 0, 0x10, 0, 18, 0, 0, 0]),
      Buffer.from('1.2.840.10008.1.2\0', 'latin1'),
    ]);
    expect(readFileMeta(fileOf(implicit))).toMatchObject({ transferSyntaxUid: '1.2.840.10008.1.2' });
  });

  it('reads a file without Transfer Syntax UID and leaves it undefined', () => {
    const reading = readFileMeta(fileOf(explicit(0x02, 'UI', '1.2.840.10008.5.1.4.1.1.2\0')));
    expect(reading).toMatchObject({ kind: 'complete', sopClassUid: '1.2.840.10008.5.1.4.1.1.2' });
    expect(reading).not.toHaveProperty('transferSyntaxUid');
  });

  it('leaves out a UID that is none', () => {
    expect(readFileMeta(fileOf(explicit(0x10, 'UI', '../../etc ')))).not.toHaveProperty('transferSyntaxUid');
  });

  it('refuses a file without prefix as soon as it can tell, or without any meta element', () => {
    const jpeg = Buffer.alloc(400, 0xff);
    expect(readFileMeta(jpeg)).toEqual({ kind: 'not-part-10', reason: 'No DICM prefix at byte 128.' });
    expect(readFileMeta(jpeg.subarray(0, 129)).kind).toBe('not-part-10');
    expect(readFileMeta(fileOf()).kind).toBe('not-part-10');
  });

  it('refuses File Meta Information longer than 1 MiB without waiting for its bytes', () => {
    const huge = Buffer.from([2, 0, 1, 0, 0x4f, 0x42, 0, 0, 0xff, 0xff, 0xff, 0x7f]);
    expect(readFileMeta(fileOf(huge))).toMatchObject({ kind: 'not-part-10' });
  });

  it('answers any bytes at all with one of its three readings', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const reading = readFileMeta(fileOf(Buffer.from([2, 0]), Buffer.from(bytes)));
        expect(['complete', 'needs-more', 'not-part-10']).toContain(reading.kind);
      }),
    );
  });
});
