import type { Viewport } from '../../core/ports/picture-renderer.ts';
import { isWindowUsable, parseWindowFunction } from '../../dicom/rendering/window.ts';
import type { Window } from '../../dicom/rendering/window.ts';
import { HttpProblem } from '../errors.ts';

/** Longest side that a viewport may have, in pixels: what is larger would take too much memory. */
export const MAX_VIEWPORT_SIDE = 4096;

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?$/;

/** How a picture is to be made, as the query says (PS3.18 8.3.5). */
export interface RenderedParameters {
  readonly window?: Window;
  readonly viewport?: Viewport;
  readonly quality?: number;
  /** Names of parameters that are understood but not followed. */
  readonly ignored: readonly string[];
}

/** @param query reads a query parameter. @throws HttpProblem 400 */
export function readRenderedParameters(query: (name: string) => string | undefined): RenderedParameters {
  const window = readWindow(query('window'));
  const viewport = readViewport(query('viewport'));
  const quality = readQuality(query('quality'));
  const profile = query('iccprofile');
  const ignored = [
    ...(query('annotation') === undefined ? [] : ['annotation']),
    // Without a profile is how pictures come.
    ...(profile === undefined || profile === 'no' ? [] : ['iccprofile']),
  ];
  return {
    ...(window && { window }),
    ...(viewport && { viewport }),
    ...(quality !== undefined && { quality }),
    ignored,
  };
}

/** The `viewport` of a thumbnail, which has no region (PS3.18 8.3.5.1.3 note). @throws HttpProblem 400 */
export function readThumbnailViewport(text: string | undefined): Viewport | undefined {
  return readViewport(text, true);
}

/** `center,width,function`; without the third, `linear`. */
function readWindow(text: string | undefined): Window | undefined {
  if (text === undefined) return undefined;
  const [center = '', width = '', name = 'linear', ...rest] = text.split(',');
  const windowFunction = parseWindowFunction(name);
  const window = windowFunction && {
    center: numberOf(center),
    width: numberOf(width),
    function: windowFunction,
  };
  if (window === undefined || rest.length > 0 || !isWindowUsable(window))
    throw badParameter('window', 'center,width,function, with function linear, linear-exact or sigmoid');
  return window;
}

/** `vw,vh` or `vw,vh,sx,sy,sw,sh`, where a negative size mirrors and an empty one means all there is. */
function readViewport(text: string | undefined, isSizeOnly = false): Viewport | undefined {
  if (text === undefined) return undefined;
  const expected = isSizeOnly ? 'width,height' : 'width,height or width,height,left,top,width,height';
  const parts = text.split(',');
  const [width = NaN, height = NaN, left = 0, top = 0, regionWidth = 0, regionHeight = 0] = parts.map(
    (part) => (part.trim() === '' ? undefined : numberOf(part)),
  );
  const isCountRight = parts.length === 2 || (!isSizeOnly && parts.length <= 6);
  const isSize = [width, height].every((side) => side >= 1 && side <= MAX_VIEWPORT_SIDE);
  const isRegion = left >= 0 && top >= 0 && [regionWidth, regionHeight].every(Number.isFinite);
  if (!isCountRight || !isSize || !isRegion)
    throw badParameter('viewport', `${expected}, no side longer than ${MAX_VIEWPORT_SIDE}`);
  if (parts.length === 2) return { width, height };
  return {
    width,
    height,
    region: {
      left,
      top,
      width: Math.abs(regionWidth) || Infinity,
      height: Math.abs(regionHeight) || Infinity,
    },
    ...(regionWidth < 0 && { isMirrored: true }),
    ...(regionHeight < 0 && { isUpsideDown: true }),
  };
}

function readQuality(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const quality = numberOf(text);
  if (!Number.isInteger(quality) || quality < 1 || quality > 100)
    throw badParameter('quality', 'a whole number from 1 to 100');
  return quality;
}

/** @returns NaN for what is no number. */
function numberOf(text: string): number {
  return NUMBER.test(text.trim()) ? Number(text) : NaN;
}

function badParameter(name: string, expected: string): HttpProblem {
  return new HttpProblem(400, { code: 'bad-parameter', detail: `"${name}" must be ${expected}.` });
}
