import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';

import { createDataSetBuilder } from '../../../test/support/data-set-builder.ts';
import { ByteWindow, readableBuffer } from '../data-set/byte-window.ts';
import { assumedTransferSyntax } from '../transfer-syntax.ts';
import { uid } from '../uid.ts';
import { findBulkData, parseBulkDataPath } from './find-bulk-data.ts';

const EXPLICIT = assumedTransferSyntax(uid('1.2.840.10008.1.2.1'));
const build = createDataSetBuilder(EXPLICIT);

const nested = (mark: string): Buffer =>
  build.item([
    build.sequence(0x00091020, [build.item([]), build.item([build.element(0x00091021, 'OB', mark)])]),
  ]);
const bytes = Buffer.concat([
  build.element(0x00080005, 'CS', 'ISO_IR 100'),
  build.element(0x00091010, 'OB', 'outer'),
  build.sequence(0x00091011, [nested('first'), nested('second')]),
  build.sequence(0x00091012, [nested('wrong')]),
  build.element(0x00204000, 'LT', Buffer.from('\xdcbersicht', 'latin1')),
  build.fragments([Buffer.alloc(0), Buffer.from('frame!')]),
]);

function find(path: string) {
  const window = new ByteWindow();
  window.open(readableBuffer(bytes));
  const place = findBulkData({ window, start: 0, transferSyntax: EXPLICIT, path });
  if (place?.kind === 'text') return Buffer.from(place.utf8).toString();
  return place && bytes.toString('latin1', place.position, place.position + place.length).trim();
}

it('finds the element that a path names, in the item that it names', () => {
  expect(find('00091010')).toBe('outer');
  expect(find('00091011/1/00091020/2/00091021')).toBe('first');
  expect(find('00091011/2/00091020/2/00091021')).toBe('second');
});

it('gives text in UTF-8', () => {
  expect(find('00204000')).toBe('Übersicht');
});

it('gives fragments with their items', () => {
  expect(find('7FE00010')).toContain('frame!');
});

it.each([
  '00091013',
  '00091011',
  '00091011/3/00091020/2/00091021',
  '00091011/2/00091020/1/00091021',
  '00091010/1/00091010',
])('finds nothing at %s', (path) => {
  expect(find(path)).toBeUndefined();
});

it('reads paths of tags and items only', () => {
  expect(parseBulkDataPath('7fe00010')).toBe('7FE00010');
  for (const text of ['', '7FE0001', '7FE00010/', '00091011/0/00091021', '../7FE00010', '00091011/1'])
    expect(parseBulkDataPath(text)).toBeUndefined();
});
