import PQueue from 'p-queue';
import type sharpLibrary from 'sharp';
import type { Sharp } from 'sharp';

import type { PictureOptions, PictureRenderer, Viewport } from '../core/ports/picture-renderer.ts';
import { PixelError } from '../core/ports/pixel-codec.ts';
import type { RenderedPicture } from './jobs.ts';
import type { WorkerPool } from './worker-pool.ts';

const DEFAULT_QUALITY = 90;
/** Longest side of a picture, in pixels; a JPEG cannot be larger. */
const MAX_SIDE = 16_383;

export interface PictureRendererOptions {
  /** Pictures made at once, from decoding to encoding. */
  readonly concurrency: number;
  /** Pictures that wait for their turn; more are refused as `busy`. */
  readonly maxWaiting: number;
}

/** {@link PictureRenderer}: worker threads decode and make visible; scaling and encoding are libvips' own threads. */
export function createPictureRenderer(
  pool: WorkerPool,
  { concurrency, maxWaiting }: PictureRendererOptions,
): PictureRenderer {
  // The pool is through with a picture when it is decoded; what waits to be encoded is large, and each encoding takes one
  // of Node's threads, which disks need as well.
  const queue = new PQueue({ concurrency });
  let library: Promise<typeof sharpLibrary> | undefined;
  /** Loaded with the first picture: a daemon that makes none is spared its memory. */
  const loaded = (): Promise<typeof sharpLibrary> => {
    library ??= import('sharp').then(({ default: sharp }) => {
      sharp.cache(false);
      sharp.concurrency(1);
      return sharp;
    });
    return library;
  };
  const make: PictureRenderer['render'] = async (source, frame, options) => {
    const { window, signal } = options;
    signal?.throwIfAborted();
    const picture = await pool.run({ kind: 'render', source, frame, window }, signal);
    const sharp = await loaded();
    const { samples, columns, rows, channels } = picture;
    const image = sharp(samples, { raw: { width: columns, height: rows, channels } });
    return encoded(scaled(image, picture, options.viewport), picture, options);
  };
  return {
    async render(source, frame, options) {
      if (queue.size >= maxWaiting)
        throw new PixelError('busy', 'Too many pictures are being made already. Try again in a moment.');
      return queue.add(() => make(source, frame, options));
    },
  };
}

function scaled(image: Sharp, picture: RenderedPicture, viewport: Viewport | undefined): Sharp {
  const { columns, rows, pixelAspect } = picture;
  const region = regionOf(picture, viewport);
  if (region.width !== columns || region.height !== rows) image.extract(region);
  // Pixels that are not square are made so by enlarging the side that is short of them.
  const natural = {
    width: pixelAspect < 1 ? region.width / pixelAspect : region.width,
    height: pixelAspect > 1 ? region.height * pixelAspect : region.height,
  };
  const scale = Math.min(
    viewport === undefined ? 1 : Math.min(viewport.width / natural.width, viewport.height / natural.height),
    MAX_SIDE / natural.width,
    MAX_SIDE / natural.height,
  );
  const width = Math.max(1, Math.round(natural.width * scale));
  const height = Math.max(1, Math.round(natural.height * scale));
  if (width !== region.width || height !== region.height) image.resize(width, height, { fit: 'fill' });
  if (viewport?.isMirrored === true) image.flop();
  if (viewport?.isUpsideDown === true) image.flip();
  return image;
}

function regionOf(
  { columns, rows }: RenderedPicture,
  viewport: Viewport | undefined,
): { left: number; top: number; width: number; height: number } {
  const wanted = viewport?.region;
  if (wanted === undefined) return { left: 0, top: 0, width: columns, height: rows };
  const left = Math.floor(wanted.left);
  const top = Math.floor(wanted.top);
  if (left >= columns || top >= rows)
    throw new PixelError('unsupported', `The region lies outside of the image, ${columns} × ${rows}.`);
  return {
    left,
    top,
    width: Math.min(Math.max(1, Math.round(wanted.width)), columns - left),
    height: Math.min(Math.max(1, Math.round(wanted.height)), rows - top),
  };
}

function encoded(image: Sharp, { channels }: RenderedPicture, options: PictureOptions): Promise<Uint8Array> {
  if (channels === 1) image.toColourspace('b-w');
  const { mediaType, quality = DEFAULT_QUALITY } = options;
  // Full chrominance: coloured overlays and Doppler are fine structures.
  return mediaType === 'image/png'
    ? image.png({ compressionLevel: 6 }).toBuffer()
    : image.jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer();
}
