import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { readCodestreamHeader } from './codestream.ts';

const hex = (...parts: readonly string[]): Buffer => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex');

const SOI = 'ffd8';
const JFIF = 'ffe0 0010 4a46494600 0102 00 0001 0001 0000';
const adobe = (transform: string): string => `ffee 000e 41646f6265 0064 0000 0000 ${transform}`;
/** 8 bits, 2 rows, 3 columns, 3 components. */
const frame = (marker: string): string => `${marker} 0011 08 0002 0003 03 012200 021101 031101`;
const SCAN = 'ffda 000c 03 0100 0200 0300 00 3f 00';

describe('readCodestreamHeader', () => {
  test.each([
    ['Baseline', 'ffc0', 'jpeg'],
    ['Extended', 'ffc1', 'jpeg'],
    ['Lossless', 'ffc3', 'jpeg-lossless'],
  ])('reads JPEG %s', (_name, marker, coding) => {
    expect(readCodestreamHeader(hex(SOI, frame(marker), SCAN))).toEqual({
      coding,
      rows: 2,
      columns: 3,
      components: 3,
      precision: 8,
      isSigned: false,
      color: undefined,
      isPlanar: false,
      isSubsampled: false,
    });
  });

  test.each([
    ['JFIF', JFIF, 'ycbcr'],
    ['Adobe without transformation', adobe('00'), 'rgb'],
    ['Adobe with transformation', adobe('01'), 'ycbcr'],
    ['both, the latter more precise', JFIF + adobe('00'), 'rgb'],
  ])('takes the colours from %s', (_name, segments, color) => {
    expect(readCodestreamHeader(hex(SOI, segments, frame('ffc0'), SCAN))?.color).toBe(color);
  });

  test('sees whether components of JPEG-LS come one after the other', () => {
    const scan = (mode: string): string => `ffda 000c 03 0100 0200 0300 00 ${mode} 00`;
    const of = (mode: string) => readCodestreamHeader(hex(SOI, frame('fff7'), scan(mode)));
    expect(of('00')).toMatchObject({ coding: 'jpeg-ls', isPlanar: true });
    expect(of('02')).toMatchObject({ coding: 'jpeg-ls', isPlanar: false });
  });

  const siz = (component: string): string =>
    `ff4f ff51 0029 0000 00000103 00000082 00000003 00000002 00000103 00000082 00000000 00000000 0001 ${component}`;
  const cod = (transform: string): string => `ff52 000c 00 00 0001 ${transform} 05 04 04 00 01`;

  test('reads JPEG 2000: sizes without the offset, depth, sign, transformation', () => {
    expect(readCodestreamHeader(hex(siz('8b 01 01'), cod('01'), 'ff90 000a'))).toEqual({
      coding: 'jpeg-2000',
      rows: 128,
      columns: 256,
      components: 1,
      precision: 12,
      isSigned: true,
      color: 'rgb',
      isPlanar: false,
      isSubsampled: false,
    });
    expect(readCodestreamHeader(hex(siz('07 02 01'), cod('00'), 'ff90 000a'))).toMatchObject({
      isSigned: false,
      color: undefined,
      isSubsampled: true,
    });
  });

  test('finds the codestream of a JP2 file', () => {
    const box = '0000000c 6a502020 0d0a870a';
    expect(readCodestreamHeader(hex(box, '00'.repeat(50), siz('07 01 01'), 'ff90'))?.columns).toBe(256);
  });

  test.each([
    ['nothing', ''],
    ['something else', '00112233445566'],
    ['a JPEG without a frame', SOI + SCAN],
    ['a JPEG that ends in its header', SOI + JFIF],
    ['a JPEG with something between its segments', `${SOI} 1234 ${frame('ffc0')} ${SCAN}`],
  ])('takes %s for no image', (_name, bytes) => {
    expect(readCodestreamHeader(hex(bytes))).toBeUndefined();
  });
});
