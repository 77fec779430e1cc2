import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { QUERY_ATTRIBUTES, tagHex } from '../../src/core/query/attributes.ts';

const TEXT = readFileSync(path.resolve(import.meta.dirname, '../../docs/dicomweb-conformance.md'), 'utf8');

it('lists what searches match and return', () => {
  const rows = [
    ...TEXT.matchAll(/^\| `([\w.]+)` +\| \((\w{4}),(\w{4})\) (\w\w) +\| (\w+) +\| (\w+) +\| (\w+) +\|$/gm),
  ];
  expect(rows.map(([, ...cells]) => cells.join(' '))).toEqual(
    QUERY_ATTRIBUTES.map(({ keyword, tag, vr, level, sequence, returned, isKey }) => {
      const name = sequence === undefined ? keyword : `${sequence.keyword}.${keyword}`;
      const hex = tagHex(tag);
      return [name, hex.slice(0, 4), hex.slice(4), vr, level, isKey ? 'yes' : 'no', returned].join(' ');
    }),
  );
});
