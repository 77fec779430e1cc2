import { describe, expect, it } from 'vitest';

import { similarTitle } from './similar-title.ts';

describe('similarTitle', () => {
  it.each([
    ['CITYMET', 'CITYMED'],
    ['CITYMEDD', 'CITYMED'],
    ['CTYMED', 'CITYMED'],
    ['citymed', 'CITYMED'],
    ['NORTHSIDE_MRI', 'NORTHSIDE_MR'],
    ['ct1', 'CT1'],
  ])('takes %s for %s', (title, meant) => {
    expect(similarTitle(title, ['NORTHSIDE_MR', 'CT1', 'CITYMED', 'CITYMAD2'])).toBe(meant);
  });

  it.each(['CT2', 'MR1', 'SOUTH', '', 'CITYHOSP'])('takes %s for nothing else', (title) => {
    expect(similarTitle(title, ['CITYMED', 'CT1', 'NORTHSIDE_MR'])).toBeUndefined();
  });
});
