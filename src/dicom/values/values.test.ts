import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseAge, parseDate, parseTime } from './date-time.ts';
import { parseDecimalString, parseIntegerString, readUnsignedShort } from './number.ts';
import { parsePersonName, trimPersonNames } from './person-name.ts';
import { firstValue, splitValues, trimFreeText, trimValues } from './text.ts';

describe('text', () => {
  it('drops padding of each value, NULs and control characters', () => {
    expect(trimValues(' CT HEAD ')).toBe('CT HEAD');
    expect(trimValues('ORIGINAL \\ PRIMARY\0')).toBe('ORIGINAL\\PRIMARY');
    expect(trimValues('A\u0007B\u0000\u0085C')).toBe('ABC');
  });

  it('reads a value that stands alone as it does one of several', () => {
    const characters = fc.constantFrom('A', 'z', '^', '~', ' ', '\0', '\t', '\u007f', '\u0085', 'Ä', '山');
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 12 }), (text) => {
        expect(splitValues(text)).toEqual(splitValues(`${text}\\B`).slice(0, 1));
      }),
    );
  });

  it('keeps the places of empty values, and is undefined where all are', () => {
    expect(trimValues('\\B')).toBe('\\B');
    expect(splitValues('A\\\\C ')).toEqual(['A', '', 'C']);
    expect(trimValues(' \\ ')).toBeUndefined();
    expect(trimValues('')).toBeUndefined();
  });

  it('keeps leading spaces and line breaks of free text', () => {
    expect(trimFreeText('  fall from\r\nladder \0')).toBe('  fall from\r\nladder');
    expect(trimFreeText('  ')).toBeUndefined();
  });

  it('gives the first value', () => {
    expect(firstValue(' 1.5\\2')).toBe('1.5');
    expect(firstValue('\\2')).toBeUndefined();
  });
});

describe('parsePersonName', () => {
  it('reads groups and components', () => {
    expect(parsePersonName('Adams^John Robert Quincy^^Rev.^B.A. M.Div.=山田^太郎')).toEqual({
      alphabetic: {
        familyName: 'Adams',
        givenName: 'John Robert Quincy',
        middleName: '',
        prefix: 'Rev.',
        suffix: 'B.A. M.Div.',
      },
      ideographic: { familyName: '山田', givenName: '太郎', middleName: '', prefix: '', suffix: '' },
    });
    expect(parsePersonName('==やまだ')?.phonetic?.familyName).toBe('やまだ');
  });

  it('is undefined for delimiters without a name', () => {
    for (const text of ['', '^^^^', '==', ' ^ = ^ ']) expect(parsePersonName(text)).toBeUndefined();
  });

  it('trims names and keeps their delimiters', () => {
    expect(trimPersonNames('Doe^John^^ ')).toBe('Doe^John^^');
    expect(trimPersonNames('One^A \\Two^B ')).toBe('One^A\\Two^B');
    expect(trimPersonNames('^^^^')).toBeUndefined();
  });
});

describe('parseDate', () => {
  it('reads dates of the calendar, also in the form of ACR-NEMA', () => {
    expect(parseDate('20240229')).toEqual({ year: 2024, month: 2, day: 29 });
    expect(parseDate('1995.12.31')).toEqual({ year: 1995, month: 12, day: 31 });
    expect(parseDate('00500101')).toEqual({ year: 50, month: 1, day: 1 });
  });

  it.each([
    '',
    '20230229',
    '19000229',
    '20241301',
    '20240100',
    '20240431',
    '2024',
    '2024-01-01',
    '20240101-',
    '00000101',
  ])('refuses %j', (text) => {
    expect(parseDate(text)).toBeUndefined();
  });
});

describe('parseTime', () => {
  it('reads times as precise as they are', () => {
    expect(parseTime('07')).toEqual({ hour: 7 });
    expect(parseTime('0708')).toEqual({ hour: 7, minute: 8 });
    expect(parseTime('235960')).toEqual({ hour: 23, minute: 59, second: 60 });
    expect(parseTime('070809.5')).toEqual({ hour: 7, minute: 8, second: 9, microsecond: 500_000 });
    expect(parseTime('10:11:12.000013')).toEqual({ hour: 10, minute: 11, second: 12, microsecond: 13 });
  });

  it.each(['', '7', '24', '1260', '121361', '1213.5', '120000.', '120000.1234567', '12:'])(
    'refuses %j',
    (text) => {
      expect(parseTime(text)).toBeUndefined();
    },
  );
});

describe('parseAge', () => {
  it('reads three digits and a unit', () => {
    expect(parseAge('018M')).toEqual({ count: 18, unit: 'months' });
    for (const text of ['18M', '018', '018X', '']) expect(parseAge(text)).toBeUndefined();
  });
});

describe('numbers', () => {
  it.each([
    ['-1024', -1024],
    [' 1.0E-3 ', 0.001],
    ['+.5', 0.5],
    ['1.', 1],
  ])('reads the decimal string %j', (text, value) => {
    expect(parseDecimalString(text)).toBe(value);
  });

  it.each(['', '1,5', 'NaN', 'Infinity', '0x10', '1e999', '1 2', '.', 'e5'])(
    'refuses the decimal string %j',
    (text) => {
      expect(parseDecimalString(text)).toBeUndefined();
    },
  );

  it('reads integer strings within 32 bits, also with an empty fraction', () => {
    expect(parseIntegerString(' +12 ')).toBe(12);
    expect(parseIntegerString('-2147483648')).toBe(-2147483648);
    expect(parseIntegerString('3.00')).toBe(3);
    for (const text of ['2147483648', '1.5', '1A', '', '1e3'])
      expect(parseIntegerString(text)).toBeUndefined();
  });

  it('reads shorts in both byte orders', () => {
    const bytes = Buffer.from([0xff, 0x01]);
    expect(readUnsignedShort(bytes, true)).toBe(0x01ff);
    expect(readUnsignedShort(bytes, false)).toBe(0xff01);
    expect(readUnsignedShort(bytes.subarray(1), true)).toBeUndefined();
  });
});

it('parses any text without throwing', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseAge, parseDate, parseTime, parseDecimalString, parseIntegerString])
        parse(text);
      expect(trimValues(text)).not.toBe('');
      expect(trimPersonNames(text)).not.toBe('');
    }),
  );
});
