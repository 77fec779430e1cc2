import { describe, expect, test } from 'vitest';

import { createAeTitleCheck } from './tls.ts';

describe('calling AE titles by certificate subject', () => {
  const mayUse = createAeTitleCheck({
    'CN=ct1.example': ['CT1', 'CT1_QC'],
    'O=City\\, Medical, OU=mr': ['MR1', 'MR2'],
  });
  const ct1 = { C: 'DE', O: 'City, Medical', CN: 'ct1.example' };
  const mr = { O: 'City, Medical', OU: ['it', 'MR'], CN: 'mr-7' };

  test.each([
    ['CT1', ct1, true],
    ['CT1_QC', ct1, true],
    ['MR1', ct1, false],
    ['ANYTHING', ct1, false],
    ['MR2', mr, true],
    ['CT1', mr, false],
    // Not in the map: free, but for the AE titles that are somebody's.
    ['US9', { CN: 'us9.example' }, true],
    ['CT1', { CN: 'us9.example' }, false],
    ['US9', undefined, true],
    ['CT1', undefined, false],
    // The wanted value in another attribute, or only as a part, is not it.
    ['CT1', { O: 'ct1.example' }, false],
    ['CT1', { CN: 'ct1.example.org' }, false],
    ['CT1', { CN: 'CT1.EXAMPLE' }, true],
  ])('%s with %j: %s', (title, subject, allowed) => {
    expect(mayUse(title, subject)).toBe(allowed);
  });

  test('two entries for one certificate add up', () => {
    const check = createAeTitleCheck({ 'CN=a': ['A1'], 'O=x': ['A2'] });
    expect(['A1', 'A2', 'A3'].map((title) => check(title, { CN: 'a', O: 'x' }))).toEqual([true, true, false]);
  });

  test.each(['', 'ct1.example', 'CN=', '=x', 'CN=a,'])('"%s" is no subject', (text) => {
    expect(() => createAeTitleCheck({ [text]: ['A'] })).toThrow(RangeError);
  });
});
