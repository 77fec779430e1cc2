import { PixelError } from '../core/ports/pixel-codec.ts';
import type { PixelSource } from '../core/ports/pixel-codec.ts';
import { readElementTree } from '../dicom/data-set/element-tree.ts';
import {
  DISPLAY_ELEMENTS,
  DISPLAY_SEQUENCES,
  readDisplayAttributes,
} from '../dicom/rendering/display-attributes.ts';
import { NotRenderableError, renderFrame } from '../dicom/rendering/render-frame.ts';
import type { Window } from '../dicom/rendering/window.ts';
import { withImageFile } from './image-file.ts';
import type { RenderedPicture } from './jobs.ts';

/** Pixel elements and what comes behind them. */
const PIXEL_DATA_GROUP = 0x7fe00000;

/** Decodes a frame and makes it visible. @throws PixelError */
export function renderJob(
  source: PixelSource,
  frame: number | 'middle',
  window: Window | undefined,
): Promise<RenderedPicture> {
  return withImageFile(source, async (file) => {
    const { image } = await file.frames();
    const number = frame === 'middle' ? Math.ceil(image.numberOfFrames / 2) : frame;
    const decoded = await file.decode(number);
    const tree = readElementTree(await file.header(), {
      encoding: file.transferSyntax,
      elements: DISPLAY_ELEMENTS,
      sequences: DISPLAY_SEQUENCES,
      endBefore: PIXEL_DATA_GROUP,
    });
    const attributes = readDisplayAttributes(tree, image, number);
    try {
      const { pixelAspect } = attributes;
      return { ...renderFrame(decoded, attributes, window), pixelAspect };
    } catch (error) {
      if (error instanceof NotRenderableError)
        throw new PixelError('unsupported', error.message, { cause: error });
      if (error instanceof RangeError)
        throw new PixelError('damaged', `The frame cannot be shown: ${error.message}.`, { cause: error });
      throw error;
    }
  });
}
