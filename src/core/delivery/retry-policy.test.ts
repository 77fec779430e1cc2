import { describe, expect, it } from 'vitest';
import { retryDelay } from './retry-policy.ts';

const latest = () => 0.999_999_9;

describe('retryDelay', () => {
  it.each([
    [1, 2_000],
    [2, 4_000],
    [3, 8_000],
    [9, 512_000],
    [10, 600_000],
    [5_000, 600_000],
  ])('after %i attempts waits at most %i ms', (attempts, most) => {
    expect(retryDelay({ attempts, random: latest })).toBe(most);
  });

  it('spreads over the whole span', () => {
    expect(retryDelay({ attempts: 4, random: () => 0 })).toBe(0);
    expect(retryDelay({ attempts: 4, random: () => 0.5 })).toBe(8_000);
  });

  it('never returns before the server’s time, and not all at once after it', () => {
    expect(retryDelay({ attempts: 1, retryAfterMs: 30_000, random: () => 0 })).toBe(30_000);
    expect(retryDelay({ attempts: 9, retryAfterMs: 30_000, random: latest })).toBe(32_000);
    expect(retryDelay({ attempts: 12, retryAfterMs: 3_600_000, random: () => 0 })).toBe(3_600_000);
  });

  it('keeps a minimum', () => {
    expect(retryDelay({ attempts: 1, minimumMs: 2_000, random: () => 0 })).toBe(2_000);
  });
});
