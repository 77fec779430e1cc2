import { describe, expect, it } from 'vitest';

import { createNameFilter, isLeftAlone } from './file-names.ts';

it.each([
  '.hidden',
  'IM1.part',
  'IM1.TMP',
  'x.crdownload',
  '~$report.doc',
  'Thumbs.db',
  'THUMBS.DB',
  'desktop.ini',
  '.DS_Store',
  '__MACOSX',
  '$RECYCLE.BIN',
  'IM1~',
])('leaves %s alone', (name) => {
  expect(isLeftAlone(name)).toBe(true);
});

it.each(['IM1', 'IM1.dcm', 'part', 'temp', 'thumbs.db.dcm', '1.2.840.113619', 'ö ü', '.avara-ingest-00ff'])(
  'does not leave %s alone',
  (name) => {
    expect(isLeftAlone(name)).toBe(false);
  },
);

describe('patterns', () => {
  const fits = (pattern: string, path: string): boolean =>
    createNameFilter({ include: [pattern], exclude: [] })(path);

  it.each([
    ['*.dcm', 'a/b/IM1.DCM', true],
    ['*.dcm', 'IM1.dcm.txt', false],
    ['IM?', 'x/IM1', true],
    ['IM?', 'IM10', false],
    ['ct/*.dcm', 'ct/1.dcm', true],
    ['ct/*.dcm', 'ct/x/1.dcm', false],
    ['ct/**/*.dcm', 'ct/x/y/1.dcm', true],
    ['ct/**/*.dcm', 'ct/1.dcm', true],
    ['ct/**', 'ct/x/y', true],
    ['a+b(1).dcm', 'a+b(1).dcm', true],
    ['a+b(1).dcm', 'aab1.dcm', false],
  ])('%s against %s: %s', (pattern, path, expected) => {
    expect(fits(pattern, path)).toBe(expected);
  });

  it('takes all that is not excluded where nothing is included by name', () => {
    const filter = createNameFilter({ include: [], exclude: ['*.txt', 'old/**'] });
    expect(['a', 'a.txt', 'old/a', 'b/old'].filter(filter)).toEqual(['a', 'b/old']);
  });

  it('means what a crash left under a name of ours, whatever the rules', () => {
    const filter = createNameFilter({ include: ['*.dcm'], exclude: ['*'] });
    expect(filter('ct/.avara-ingest-00ff')).toBe(true);
  });
});
