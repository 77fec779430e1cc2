import type { Palette } from './palette.ts';
import { allocatedSamples, storedValueOf } from './stored-frame.ts';
import type { StoredFrame } from './stored-frame.ts';

/** Replaces palette indices by colours (PS3.3 C.7.6.3.1.5). @returns red, green, blue per pixel. */
export function renderPalette(frame: StoredFrame, palette: Palette): Uint8Array {
  const { rows, columns, bitsAllocated } = frame.description;
  const samples = allocatedSamples(frame, rows * columns);
  if (samples === undefined) throw new RangeError(`Bits Allocated ${bitsAllocated} cannot be shown`);
  const storedValue = storedValueOf(frame.description);
  const { firstMapped, red, green, blue } = palette;
  const last = red.length - 1;
  const picture = new Uint8Array(samples.length * 3);
  let to = 0;
  for (const sample of samples) {
    const index = Math.min(Math.max(storedValue(sample) - firstMapped, 0), last);
    picture[to] = red[index] ?? 0;
    picture[to + 1] = green[index] ?? 0;
    picture[to + 2] = blue[index] ?? 0;
    to += 3;
  }
  return picture;
}
