import type { DisplayAttributes } from './display-attributes.ts';
import { renderColor } from './render-color.ts';
import { renderGrayscale } from './render-grayscale.ts';
import { renderPalette } from './render-palette.ts';
import type { StoredFrame } from './stored-frame.ts';
import type { Window } from './window.ts';

/** A picture of 8 bits per sample, samples of a pixel side by side. */
export interface Picture {
  readonly rows: number;
  readonly columns: number;
  /** 1: grey; 3: red, green, blue. */
  readonly channels: 1 | 3;
  readonly samples: Uint8Array;
}

/** A frame whose Photometric Interpretation has no picture here. */
export class NotRenderableError extends Error {
  override readonly name = 'NotRenderableError';
}

/**
 * Makes a decoded frame visible.
 * @param window in place of what the object says; for grey frames only.
 * @throws NotRenderableError; RangeError where the bytes are fewer than the description says.
 */
export function renderFrame(frame: StoredFrame, attributes: DisplayAttributes, window?: Window): Picture {
  const { photometricInterpretation, rows, columns, samplesPerPixel } = frame.description;
  if (samplesPerPixel === 1) {
    const { palette } = attributes;
    if (photometricInterpretation !== 'PALETTE COLOR') {
      return { rows, columns, channels: 1, samples: renderGrayscale(frame, attributes, window) };
    }
    if (palette === undefined) throw new NotRenderableError('The palette is missing or damaged.');
    return { rows, columns, channels: 3, samples: renderPalette(frame, palette) };
  }
  if (samplesPerPixel !== 3)
    throw new NotRenderableError(`${samplesPerPixel} samples per pixel have no picture.`);
  const samples = renderColor(frame);
  if (samples === undefined)
    throw new NotRenderableError(
      `Photometric Interpretation ${photometricInterpretation} has no picture here.`,
    );
  return { rows, columns, channels: 3, samples };
}
