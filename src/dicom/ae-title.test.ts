import { describe, expect, it } from 'vitest';

import { parseAeTitle } from './ae-title.ts';

describe('parseAeTitle', () => {
  it('drops the padding of the fixed 16 byte field', () => {
    expect(parseAeTitle('CT1             ')).toBe('CT1');
    expect(parseAeTitle('  CT1')).toBe('CT1');
    expect(parseAeTitle('CT1\0\0\0')).toBe('CT1');
  });

  it('keeps spaces inside', () => {
    expect(parseAeTitle('CT ROOM 1')).toBe('CT ROOM 1');
  });

  it('takes 16 characters and no more', () => {
    expect(parseAeTitle('A234567890123456')).toBe('A234567890123456');
    expect(parseAeTitle('A2345678901234567')).toBeUndefined();
  });

  it.each(['', '                ', 'CT\\1', 'CT\n1', 'CT\x7f', 'CTé'])('refuses %j', (text) => {
    expect(parseAeTitle(text)).toBeUndefined();
  });
});
