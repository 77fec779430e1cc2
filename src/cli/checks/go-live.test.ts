import { describe, expect, it } from 'vitest';
import { judgeExpiry } from './certificates.ts';
import { judgeSpeed, judgeTimeSync } from './machine.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 1);
const BASE = { id: 'http-certificate', title: 'Certificate' };

describe('a certificate', () => {
  it.each([
    [30, 'ok'],
    [14, 'ok'],
    [13, 'warning'],
    [0, 'warning'],
    [-1, 'failed'],
  ])('that is good for %i days is %s', (days, status) => {
    const result = judgeExpiry(BASE, 'of http', NOW + days * DAY, NOW, 14);
    expect(result).toMatchObject({ id: 'http-certificate', status });
    expect('advice' in result).toBe(status !== 'ok');
  });
});

describe('the disk', () => {
  it.each([
    [0.4, 500e6, 'ok'],
    [29, 101e6, 'ok'],
    [40, 500e6, 'warning'],
    [1, 20e6, 'warning'],
  ])('with %f ms a sync and %i bytes a second is %s', (syncMs, bytesPerSecond, status) => {
    expect(judgeSpeed(syncMs, bytesPerSecond).status).toBe(status);
  });
});

describe('the clock', () => {
  it('is judged by what systemd knows of it, and not where it knows nothing', () => {
    expect(judgeTimeSync('yes')?.status).toBe('ok');
    expect(judgeTimeSync('no')?.status).toBe('warning');
    expect(judgeTimeSync('')).toBeUndefined();
  });
});
