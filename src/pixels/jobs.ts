import type { FrameDescription, PixelError, PixelSource } from '../core/ports/pixel-codec.ts';
import type { Picture } from '../dicom/rendering/render-frame.ts';
import type { Window } from '../dicom/rendering/window.ts';

/** What a worker thread can be asked for. Frames count from 1. */
export type PixelJob =
  | { readonly kind: 'decode'; readonly source: PixelSource; readonly frame: number }
  | {
      readonly kind: 'encode';
      readonly source: PixelSource;
      readonly frame: number;
      readonly transferSyntaxUid: string;
    }
  | {
      readonly kind: 'transcode';
      readonly source: PixelSource;
      readonly transferSyntaxUid: string;
      /** The file to write, which is not there yet. */
      readonly targetPath: string;
    }
  | {
      readonly kind: 'render';
      readonly source: PixelSource;
      /** `middle`: the one in the middle of the object. */
      readonly frame: number | 'middle';
      readonly window: Window | undefined;
    };

/** A picture with what is needed to show it undistorted. */
export interface RenderedPicture extends Picture {
  /** Height of a pixel by its width. */
  readonly pixelAspect: number;
}

export interface PixelJobResults {
  readonly decode: { readonly bytes: Uint8Array; readonly description: FrameDescription };
  readonly encode: { readonly bytes: Uint8Array };
  readonly transcode: { readonly bytes: number };
  readonly render: RenderedPicture;
}

export type JobResult<J extends PixelJob> = PixelJobResults[J['kind']];

/** What a worker says. One answer per job; before it any number of signs of life. */
export type WorkerReply =
  | { readonly kind: 'done'; readonly result: PixelJobResults[PixelJob['kind']] }
  | { readonly kind: 'refused'; readonly code: PixelError['code']; readonly message: string }
  /** Something that is no matter of the image: a file that cannot be read, a fault. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'alive' };
