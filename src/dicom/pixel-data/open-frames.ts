import { assumedTransferSyntax, type TransferSyntax } from '../transfer-syntax.ts';
import type { Uid } from '../uid.ts';
import { type FrameContent, frameContent } from './frame-content.ts';
import { createFrameLocator } from './frame-locations.ts';
import type { ImagePixel } from './image-pixel.ts';
import { InflatedAccess } from './inflated-access.ts';
import type { RandomAccess } from './random-access.ts';

/** An image opened for reading its frames. */
export interface OpenedFrames {
  readonly image: ImagePixel;
  readonly transferSyntax: TransferSyntax;
  /** Frames are compressed (or at least fragments) as the Transfer Syntax says; else native, little endian. */
  readonly isEncapsulated: boolean;
  /**
   * One call at a time, also of the reads of what it gives. Its `offset` is one of the file.
   * @param number from 1 to `image.numberOfFrames`.
   * @throws PixelDataError where that frame is not there, or not whole; RangeError for other numbers.
   */
  frame(number: number): Promise<FrameContent>;
  /** Lets go of memory. The file is the caller's to close. */
  close(): void;
}

/**
 * Opens the frames of a Part 10 file of any Transfer Syntax, deflated ones included.
 * @param dataSetOffset where the Data Set begins in the file.
 * @throws PixelDataError
 */
export async function openFrames(
  file: RandomAccess,
  dataSetOffset: number,
  transferSyntaxUid: Uid,
): Promise<OpenedFrames> {
  const transferSyntax = assumedTransferSyntax(transferSyntaxUid);
  const inflated = transferSyntax.deflated ? new InflatedAccess(file, dataSetOffset) : undefined;
  const source = inflated ?? file;
  const close = (): void => inflated?.close();
  try {
    const locator = await createFrameLocator(
      source,
      inflated === undefined ? dataSetOffset : 0,
      transferSyntax,
    );
    const { image, isEncapsulated } = locator;
    return {
      image,
      transferSyntax,
      isEncapsulated,
      async frame(number) {
        const content = frameContent(source, await locator.locate(number), locator, transferSyntax);
        // What was inflated stands nowhere in the file.
        return inflated === undefined ? content : { ...content, offset: undefined };
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
