import { createHash } from 'node:crypto';

import { LRUCache } from 'lru-cache';

import type { InstanceStore } from '../ports/instance-store.ts';
import type { PictureOptions, PictureRenderer } from '../ports/picture-renderer.ts';
import type { InstanceRecord } from '../study/study.ts';

export interface PictureServiceOptions {
  readonly store: Pick<InstanceStore, 'pathOf'>;
  readonly renderer: PictureRenderer;
  /** Memory for pictures made before, in bytes. Default 32 MiB. */
  readonly cacheBytes?: number;
}

/** A picture that may be made. */
export interface PlannedPicture {
  /** Names these bytes for as long as the object and the way of rendering stay the same; without quotes. */
  readonly tag: string;
  /** @throws PixelError */
  render(signal?: AbortSignal): Promise<Uint8Array>;
}

export type PictureForm = Omit<PictureOptions, 'signal'>;

/** Pictures of stored images, the recent ones from memory. */
export interface PictureService {
  /** @param frame from 1, or the one in the middle of the object. */
  plan(instance: InstanceRecord, frame: number | 'middle', form: PictureForm): PlannedPicture;
}

/** Longest side of a thumbnail in pixels, where nobody asks for another. */
export const THUMBNAIL_SIDE = 200;
/** How a thumbnail is made: small, and good enough to recognize an image. */
export const THUMBNAIL: PictureForm = {
  mediaType: 'image/jpeg',
  viewport: { width: THUMBNAIL_SIDE, height: THUMBNAIL_SIDE },
  quality: 80,
};

const DEFAULT_CACHE_BYTES = 32 * 1024 * 1024;
/** Part of every tag: to be raised when the same object renders differently. */
const RENDERING = 1;

/** Larger pictures than an eighth of the cache are not kept: they would push out all others. */
export function createPictureService({
  store,
  renderer,
  cacheBytes = DEFAULT_CACHE_BYTES,
}: PictureServiceOptions): PictureService {
  const cache = new LRUCache<string, Uint8Array>({
    maxSize: cacheBytes,
    maxEntrySize: Math.floor(cacheBytes / 8),
    sizeCalculation: (picture) => Math.max(1, picture.byteLength),
  });
  return {
    plan(instance, frame, form) {
      // The digest is that of the Data Set alone; its Transfer Syntax decides what it means.
      const description = JSON.stringify([
        RENDERING,
        instance.sha256,
        instance.transferSyntaxUid,
        frame,
        form.mediaType,
        form.window,
        form.viewport,
        form.quality,
      ]);
      const tag = createHash('sha256').update(description).digest('base64url').slice(0, 27);
      return {
        tag,
        async render(signal) {
          const known = cache.get(tag);
          if (known !== undefined) return known;
          const source = {
            path: store.pathOf(instance.key),
            dataSetOffset: instance.dataSetOffset,
            transferSyntaxUid: instance.transferSyntaxUid,
          };
          const picture = await renderer.render(source, frame, { ...form, ...(signal && { signal }) });
          cache.set(tag, picture);
          return picture;
        },
      };
    },
  };
}
