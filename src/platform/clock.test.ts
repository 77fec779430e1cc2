import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createSystemClock } from './clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('runs a callback once after the delay', () => {
  const callback = vi.fn();
  createSystemClock().after(1000, callback);
  vi.advanceTimersByTime(999);
  expect(callback).not.toHaveBeenCalled();
  vi.advanceTimersByTime(5000);
  expect(callback).toHaveBeenCalledTimes(1);
});

it('waits for months where asked to', () => {
  const callback = vi.fn();
  const days60 = 60 * 86_400_000;
  createSystemClock().after(days60, callback);
  vi.advanceTimersByTime(days60 - 1);
  expect(callback).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(callback).toHaveBeenCalledTimes(1);
});

it('can be cancelled, also in the middle of a long wait', () => {
  const callback = vi.fn();
  const cancel = createSystemClock().after(60 * 86_400_000, callback);
  vi.advanceTimersByTime(30 * 86_400_000);
  cancel();
  vi.advanceTimersByTime(90 * 86_400_000);
  expect(callback).not.toHaveBeenCalled();
});
