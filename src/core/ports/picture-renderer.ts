import type { Window } from '../../dicom/rendering/window.ts';
import type { PixelJobOptions, PixelSource } from './pixel-codec.ts';

export type PictureType = 'image/jpeg' | 'image/png';

/** The box that a picture is fitted into, its proportions kept (PS3.18 8.3.5.1.3). */
export interface Viewport {
  /** In pixels of the picture. */
  readonly width: number;
  readonly height: number;
  /** What is shown of the image, in its own pixels; all of it where absent. */
  readonly region?: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
  readonly isMirrored?: boolean;
  readonly isUpsideDown?: boolean;
}

export interface PictureOptions extends PixelJobOptions {
  readonly mediaType: PictureType;
  /** In place of what the object says. */
  readonly window?: Window | undefined;
  readonly viewport?: Viewport | undefined;
  /** 1 to 100; of JPEG. */
  readonly quality?: number | undefined;
}

/** Makes pictures of stored images, off the event loop. */
export interface PictureRenderer {
  /**
   * @param frame from 1, or the one in the middle of the object.
   * @throws PixelError
   */
  render(source: PixelSource, frame: number | 'middle', options: PictureOptions): Promise<Uint8Array>;
}
