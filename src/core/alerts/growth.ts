import type { CountHistory, CountSample } from '../ports/count-history.ts';

const WINDOW_MS = 24 * 3_600_000;
/** Samples within so short a time share one. */
const GRAIN_MS = 15 * 60_000;

/** By how much a count has grown within the last day, against its lowest value then; a restart does not matter. */
export interface Growth {
  /** Takes down what the count is now. @returns by how much it has grown. */
  note(count: number, now: number): number;
}

/** @param onFailure a sample could not be kept; the growth of this run is right all the same. */
export function createGrowth(history: CountHistory, onFailure: (error: unknown) => void): Growth {
  let samples: CountSample[] | undefined;
  const keep = (sample: CountSample, now: number): void => {
    history.put(sample, now - WINDOW_MS).catch(onFailure);
  };
  return {
    note(count, now) {
      samples = (samples ?? [...history.list()]).filter(({ at }) => now - at < WINDOW_MS && at <= now);
      const last = samples.at(-1);
      if (last === undefined || now - last.at >= GRAIN_MS) {
        const sample = { at: now, lowest: count };
        samples.push(sample);
        keep(sample, now);
      } else if (count < last.lowest) {
        const sample = { at: last.at, lowest: count };
        samples[samples.length - 1] = sample;
        keep(sample, now);
      }
      return count - Math.min(...samples.map(({ lowest }) => lowest));
    },
  };
}
