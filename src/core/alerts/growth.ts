const WINDOW_MS = 24 * 3_600_000;
/** Samples within so short a time share one. */
const GRAIN_MS = 15 * 60_000;

/** By how much a count has grown within the last day, against its lowest value then. Starts anew with the process. */
export function createGrowth(): { note(count: number, now: number): number } {
  let samples: { readonly at: number; lowest: number }[] = [];
  return {
    note(count, now) {
      samples = samples.filter(({ at }) => now - at < WINDOW_MS);
      const last = samples.at(-1);
      if (last !== undefined && now - last.at < GRAIN_MS) last.lowest = Math.min(last.lowest, count);
      else samples.push({ at: now, lowest: count });
      return count - Math.min(...samples.map(({ lowest }) => lowest));
    },
  };
}
