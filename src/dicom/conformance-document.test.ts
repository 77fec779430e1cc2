import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { conformanceTables, insertTables } from '../../scripts/conformance-tables.ts';
import { IMPLEMENTATION_CLASS_UID } from './implementation.ts';
import { STORAGE_SOP_CLASSES } from './sop-class.ts';
import { TRANSFER_SYNTAXES } from './transfer-syntax.ts';

const FILE = path.resolve(import.meta.dirname, '../../docs/dicom-conformance.md');
const document = readFileSync(FILE, 'utf8');

it('holds the tables that the code makes; after a change: npm run docs:conformance', () => {
  expect(insertTables(document, conformanceTables())).toBe(document);
});

it('names the implementation, every Storage SOP Class and every Transfer Syntax', () => {
  const uids = [...STORAGE_SOP_CLASSES, ...TRANSFER_SYNTAXES].map(({ uid }) => uid);
  expect([IMPLEMENTATION_CLASS_UID, ...uids].filter((uid) => !document.includes(`\`${uid}\``))).toEqual([]);
});

it('refuses a document that has lost the place of a table', () => {
  expect(() => insertTables('nothing', conformanceTables())).toThrow('has no place for implementation');
});
