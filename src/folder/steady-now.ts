/**
 * Milliseconds that only go forward, for waiting and for intervals: the wall clock is set back now and then, by hours or,
 * after an empty battery, by years, and nothing may wait for so long.
 */
export function steadyNow(): number {
  return performance.now();
}
