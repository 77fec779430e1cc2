import { describe, expect, it } from 'vitest';
import { formatDate, formatTime, readDate } from './date-time.ts';

describe('readDate and formatDate', () => {
  it.each([
    ['19790228', '1979-02-28'],
    ['20240229', '2024-02-29'],
    ['20000229', '2000-02-29'],
    ['1979.02.28', '1979-02-28'],
    ['19790228 ', '1979-02-28'],
    ['19790228\0', '1979-02-28'],
    ['20260105\\20260106', '2026-01-05'],
    ['20230229', undefined],
    ['19000229', undefined],
    ['20261301', undefined],
    ['20260431', undefined],
    ['20260100', undefined],
    ['00000000', undefined],
    ['197902', undefined],
    ['1979', undefined],
    ['1979-02-28', undefined],
    ['28021979x', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('writes %j as %j', (da, expected) => {
    const date = readDate(da);
    expect(date && formatDate(date)).toBe(expected);
  });
});

describe('formatTime', () => {
  it.each([
    ['094159.999999', '09:41'],
    ['0941', '09:41'],
    ['09', '09:00'],
    ['09:41:59', '09:41'],
    ['000000', '00:00'],
    ['235959', '23:59'],
    ['235960', '23:59'],
    ['101500 ', '10:15'],
    ['240000', undefined],
    ['096000', undefined],
    ['094', undefined],
    ['9', undefined],
    ['noon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('writes %j as %j', (tm, expected) => {
    expect(formatTime(tm)).toBe(expected);
  });
});
