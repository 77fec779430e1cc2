import { describe, expect, it } from 'vitest';
import { formatPatientName, formatPhysicianName } from './person-name.ts';

describe('formatPatientName', () => {
  it.each([
    ['Silva^Ana^Maria', 'Ana Maria Silva'],
    ['Adams^John Robert Quincy^^Rev.^B.A. M.Div.', 'John Robert Quincy Adams B.A. M.Div.'],
    ['SMITH^', 'SMITH'],
    ['^Jane', 'Jane'],
    ['Jane Doe', 'Jane Doe'],
    ['Doe, Jane', 'Doe, Jane'],
    ['  Doe ^ Jane  ', 'Jane Doe'],
    ['Doe^Jane\\Roe^Richard', 'Jane Doe'],
    ['Yamada^Tarou=山田^太郎=やまだ^たろう', 'Tarou Yamada'],
    ['=山田^太郎', '太郎 山田'],
    ['^^^^==Hong^Gildong', 'Gildong Hong'],
    ['Müller^Jörg^^Dr.^', 'Jörg Müller'],
    ['A^B^C^D^E^F^G', 'B C A E'],
    ['^^^Dr', undefined],
    ['^^^^', undefined],
    ['==', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('writes %j as %j', (pn, expected) => {
    expect(formatPatientName(pn)).toBe(expected);
  });

  it('is at most 64 characters long', () => {
    expect(formatPatientName(`${'x'.repeat(64)}^${'y'.repeat(64)}`)).toHaveLength(64);
  });
});

describe('formatPhysicianName', () => {
  it.each([
    ['Chen^Michael^^Dr.', 'Dr. Michael Chen'],
    ['Li^Wei^^Dr^MD', 'Dr Wei Li MD'],
    ['Dr. House', 'Dr. House'],
    ['', undefined],
  ])('writes %j as %j', (pn, expected) => {
    expect(formatPhysicianName(pn)).toBe(expected);
  });
});
