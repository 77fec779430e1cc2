import { describe, expect, it } from 'vitest';

import { parseUid, uid } from './uid.ts';

describe('parseUid', () => {
  it('drops the NUL or space that pads a UID to even length', () => {
    expect(parseUid('1.2.840.10008.1.1\0')).toBe('1.2.840.10008.1.1');
    expect(parseUid('1.2.840.10008.1.1 ')).toBe('1.2.840.10008.1.1');
  });

  it('takes 64 characters and no more', () => {
    expect(parseUid(`1.${'2'.repeat(62)}`)).toHaveLength(64);
    expect(parseUid(`1.${'2'.repeat(63)}`)).toBeUndefined();
  });

  it('takes components with leading zeros, which real devices send', () => {
    expect(parseUid('1.2.003.4')).toBe('1.2.003.4');
  });

  it.each([
    '',
    '\0',
    '1..2',
    '.1.2',
    '1.2.',
    '1.2.a',
    '../1.2',
    '1.2/3',
    '1.2\\1.3',
    ' 1.2',
    '1.2\n',
    '1\0.2',
  ])('refuses %j', (text) => {
    expect(parseUid(text)).toBeUndefined();
  });
});

describe('uid', () => {
  it('throws for what is not a UID, showing it in part only', () => {
    expect(uid('1.2.3')).toBe('1.2.3');
    expect(() => uid('x'.repeat(500))).toThrow(RangeError);
    expect(() => uid('x'.repeat(500))).toThrow(/^.{0,110}$/);
  });
});
