/** How a window maps its range (PS3.3 C.11.2.1.2, C.11.2.1.3). */
export type WindowFunction = 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID';

export interface Window {
  readonly center: number;
  readonly width: number;
  readonly function: WindowFunction;
}

/** Reads a function by the name that attributes (`LINEAR_EXACT`) or requests (`linear-exact`) have for it. */
export function parseWindowFunction(name: string): WindowFunction | undefined {
  const upper = name.trim().toUpperCase().replaceAll('-', '_');
  return upper === 'LINEAR' || upper === 'LINEAR_EXACT' || upper === 'SIGMOID' ? upper : undefined;
}

/** Whether the width is one that the function allows. */
export function isWindowUsable({ center, width, function: name }: Window): boolean {
  return Number.isFinite(center) && Number.isFinite(width) && (name === 'LINEAR' ? width >= 1 : width > 0);
}

/** Maps a value to 0 to 1. */
export function applyWindow({ center, width, function: name }: Window, value: number): number {
  switch (name) {
    case 'LINEAR': {
      if (width === 1) return value <= center - 0.5 ? 0 : 1;
      return clamp((value - (center - 0.5)) / (width - 1) + 0.5);
    }
    case 'LINEAR_EXACT':
      return clamp((value - center) / width + 0.5);
    case 'SIGMOID':
      return 1 / (1 + Math.exp((-4 * (value - center)) / width));
  }
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}
