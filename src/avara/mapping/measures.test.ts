import { describe, expect, it } from 'vitest';
import { convertHeight, convertWeight, describeAge } from './measures.ts';

describe('convertHeight', () => {
  it.each([
    ['1.68', 168],
    ['1.6849', 168.5],
    ['.5', 50],
    ['1.7E0', 170],
    ['1.8\\1.9', 180],
    ['0.2', 20],
    ['2.8', 280],
    ['170', undefined],
    ['0.19', undefined],
    ['0', undefined],
    ['-1.7', undefined],
    ['1,70', undefined],
    ['tall', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('takes %j metres for %s cm', (ds, value) => {
    expect(convertHeight(ds)).toEqual(value === undefined ? undefined : { value, unit: 'cm' });
  });
});

describe('convertWeight', () => {
  it.each([
    ['71.5', 71.5],
    [' 71.50 ', 71.5],
    ['3.2501', 3.25],
    ['700', 700],
    ['71500', undefined],
    ['0.0', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('takes %j for %s kg', (ds, value) => {
    expect(convertWeight(ds)).toEqual(value === undefined ? undefined : { value, unit: 'kg' });
  });
});

describe('describeAge', () => {
  it.each([
    ['034Y', '34 years'],
    ['001Y', '1 year'],
    ['002M', '2 months'],
    ['010W', '10 weeks'],
    ['000D', '0 days'],
    ['100Y', '100 years'],
  ])('writes %s as %s', (as, expected) => {
    expect(describeAge(as, '19500101', '20260105')).toBe(expected);
  });

  it.each([
    ['19790228', '20260105', '46 years'],
    ['19790105', '20260105', '47 years'],
    ['19790106', '20260105', '46 years'],
    ['20240106', '20260105', '23 months'],
    ['20240105', '20260105', '2 years'],
    ['20251205', '20260105', '1 month'],
    ['20251206', '20260105', '30 days'],
    ['20260105', '20260105', '0 days'],
    ['20260106', '20260105', undefined],
    ['19791301', '20260105', undefined],
    ['19790228', undefined, undefined],
    [undefined, '20260105', undefined],
  ])('counts from birth on %s to the study on %s: %s', (birth, study, expected) => {
    expect(describeAge(undefined, birth, study)).toBe(expected);
    expect(describeAge('34 Y', birth, study)).toBe(expected);
  });
});
