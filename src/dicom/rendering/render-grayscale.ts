import type { DisplayAttributes } from './display-attributes.ts';
import { lookUp } from './lookup-table.ts';
import { allocatedSamples, storedValueOf } from './stored-frame.ts';
import type { AllocatedSamples, StoredFrame } from './stored-frame.ts';
import { applyWindow } from './window.ts';
import type { Window } from './window.ts';

/** Above this, a table of all samples that can occur costs more than it saves. */
const MAX_TABLE_BITS = 16;

/**
 * Modality LUT, VOI LUT, Presentation LUT of a frame with one sample per pixel (PS3.3 C.11, PS3.4 N.2). Without
 * anything said about the VOI, the values that occur span black to white. Padding is black.
 */
export function renderGrayscale(
  frame: StoredFrame,
  attributes: DisplayAttributes,
  requested: Window | undefined,
): Uint8Array {
  const { description } = frame;
  const { rows, columns, bitsAllocated, kind } = description;
  const samples = allocatedSamples(frame, rows * columns);
  if (samples === undefined) throw new RangeError(`Bits Allocated ${bitsAllocated} cannot be shown`);
  const storedValue = storedValueOf(description);
  const modality = modalityOf(attributes);
  const voi = voiOf(attributes, requested, () => spanOf(samples, attributes, storedValue, modality));
  const gray = grayOf(attributes, (allocated) => {
    const stored = storedValue(allocated);
    return isPadding(attributes, stored) ? undefined : voi(modality(stored));
  });
  if (kind !== 'integer' || bitsAllocated > MAX_TABLE_BITS) return Uint8Array.from(samples, gray);
  const table = Uint8Array.from({ length: 2 ** bitsAllocated }, (_, allocated) => gray(allocated));
  const picture = new Uint8Array(samples.length);
  for (let index = 0; index < picture.length; index++) picture[index] = table[samples[index] ?? 0] ?? 0;
  return picture;
}

/** @param value 0 to 1, undefined for padding. */
function grayOf(
  { isInverse }: DisplayAttributes,
  value: (allocated: number) => number | undefined,
): (allocated: number) => number {
  return (allocated) => {
    const visible = value(allocated);
    if (visible === undefined || Number.isNaN(visible)) return 0;
    return Math.round((isInverse ? 1 - visible : visible) * 255);
  };
}

function modalityOf({ modality }: DisplayAttributes): (stored: number) => number {
  if (modality.kind === 'table') return (stored) => lookUp(modality.table, stored);
  const { slope, intercept } = modality;
  return (stored) => stored * slope + intercept;
}

function voiOf(
  { window, voiTable }: DisplayAttributes,
  requested: Window | undefined,
  span: () => readonly [min: number, max: number],
): (value: number) => number {
  const chosen = requested ?? window;
  if (chosen !== undefined) return (value) => applyWindow(chosen, value);
  if (voiTable !== undefined) {
    const max = 2 ** voiTable.bits - 1;
    return (value) => Math.min(lookUp(voiTable, value) / max, 1);
  }
  const [min, max] = span();
  if (max <= min) return () => 0.5;
  // Infinity occurs, and is beyond the span.
  return (value) => Math.min(Math.max((value - min) / (max - min), 0), 1);
}

function isPadding({ padding }: DisplayAttributes, stored: number): boolean {
  return padding !== undefined && stored >= padding.from && stored <= padding.to;
}

/** Least and greatest value that occur, padding and what is no number aside. */
function spanOf(
  samples: AllocatedSamples,
  attributes: DisplayAttributes,
  storedValue: (allocated: number) => number,
  modality: (stored: number) => number,
): readonly [min: number, max: number] {
  let min = Infinity;
  let max = -Infinity;
  for (const allocated of occurring(samples)) {
    const stored = storedValue(allocated);
    if (!Number.isFinite(stored) || isPadding(attributes, stored)) continue;
    const value = modality(stored);
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [min, max];
}

/** Each value once, where that can be told cheaply. */
function occurring(samples: AllocatedSamples): Iterable<number> {
  if (!(samples instanceof Uint16Array)) return samples;
  const seen = new Uint8Array(0x10000);
  for (const sample of samples) seen[sample] = 1;
  return seen.reduce<number[]>((values, isSeen, value) => {
    if (isSeen === 1) values.push(value);
    return values;
  }, []);
}
