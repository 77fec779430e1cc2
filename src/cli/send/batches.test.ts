import { expect, test } from 'vitest';

import { cutBatches } from './batches.ts';

const file = (sopClass: number, syntax = 0) => ({
  sopClassUid: `1.2.${sopClass}`,
  transferSyntaxUid: `1.3.${syntax}`,
});

test('one Association takes everything of a small study', () => {
  const files = Array.from({ length: 300 }, () => file(1));
  expect(cutBatches(files, 1)).toEqual([files]);
});

test('four Associations share the files in their order', () => {
  const files = Array.from({ length: 10 }, (_, index) => ({ ...file(1), index }));
  const batches = cutBatches(files, 4);
  expect(batches.map(({ length }) => length)).toEqual([3, 3, 3, 1]);
  expect(batches.flat()).toEqual(files);
});

test('more Associations than files make one each, and no files make none', () => {
  expect(cutBatches([file(1), file(2)], 8)).toHaveLength(2);
  expect(cutBatches([], 8)).toEqual([]);
});

test('no Association is asked for more pairs than it can propose', () => {
  const files = Array.from({ length: 200 }, (_, index) => file(index % 20, Math.floor(index / 20)));
  const batches = cutBatches(files, 1);
  expect(batches.map(({ length }) => length)).toEqual([64, 64, 64, 8]);
  expect(batches.flat()).toEqual(files);
});

test('files of a pair that is there already do not count against it', () => {
  const files = Array.from({ length: 500 }, (_, index) => file(index % 64));
  expect(cutBatches(files, 1)).toHaveLength(1);
});

test('no Association gets more than a thousand objects', () => {
  const batches = cutBatches(
    Array.from({ length: 2500 }, () => file(1)),
    1,
  );
  expect(batches.map(({ length }) => length)).toEqual([1000, 1000, 500]);
});
