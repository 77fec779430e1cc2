import type { BulkDataPlace } from '../../dicom/json/find-bulk-data.ts';
import { swappedBytes } from '../../dicom/json/little-endian.ts';
import { joinPieces, swapped } from '../../dicom/pixel-data/frame-content.ts';
import { listFragments } from '../../dicom/pixel-data/fragments.ts';
import { InflatedAccess } from '../../dicom/pixel-data/inflated-access.ts';
import { openFrames } from '../../dicom/pixel-data/open-frames.ts';
import { PixelDataError, WindowReader } from '../../dicom/pixel-data/random-access.ts';
import type { RandomAccess } from '../../dicom/pixel-data/random-access.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN_UID, assumedTransferSyntax } from '../../dicom/transfer-syntax.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import type { Uid } from '../../dicom/uid.ts';
import { memoryContent } from '../response-writer.ts';
import type { SendableContent } from '../response-writer.ts';

/** What a BulkDataURI leads to: one part, or one for each compressed frame (PS3.18 8.6.1.2). */
export interface OpenedBulkData {
  readonly parts: readonly SendableContent[];
  /** What the bytes of the parts are encoded in. */
  readonly transferSyntaxUid: Uid;
  /** The parts are frames. */
  readonly isFrames: boolean;
  /** Lets go of memory. The file is the caller's to close. */
  close(): void;
}

const PIXEL_DATA_PATH = '7FE00010';

/**
 * Opens what a place holds: values in little endian, fragments of compressed frames joined.
 * @param file the Part 10 file of the instance.
 * @throws PixelDataError
 */
export async function openBulkData(
  file: RandomAccess,
  { dataSetOffset, transferSyntaxUid }: Pick<InstanceRecord, 'dataSetOffset' | 'transferSyntaxUid'>,
  path: string,
  place: BulkDataPlace,
): Promise<OpenedBulkData> {
  const uncompressed = { transferSyntaxUid: EXPLICIT_VR_LITTLE_ENDIAN_UID, isFrames: false };
  switch (place.kind) {
    case 'text':
      return { ...uncompressed, parts: [memoryContent(place.utf8)], close: () => undefined };
    case 'value': {
      const isDeflated = assumedTransferSyntax(transferSyntaxUid).deflated;
      const inflated = isDeflated ? new InflatedAccess(file, dataSetOffset) : undefined;
      const { vr, position, length, littleEndian } = place;
      const value = joinPieces(inflated ?? file, { pieces: [{ offset: position, length }] });
      const size = littleEndian ? undefined : swappedBytes(vr);
      const isSwapped = size !== undefined && length % size === 0;
      const content = isSwapped ? swapped(value, size) : value;
      return { ...uncompressed, parts: [content], close: () => inflated?.close() };
    }
    case 'fragments': {
      const frames =
        path === PIXEL_DATA_PATH ? await framesOf(file, dataSetOffset, transferSyntaxUid) : undefined;
      if (frames !== undefined)
        return { transferSyntaxUid, isFrames: true, parts: frames, close: () => undefined };
      // Video is one stream, however many fragments it is in; the first item is the offset table.
      const [, ...pieces] = await listFragments(new WindowReader(file), place.position);
      return {
        transferSyntaxUid,
        isFrames: false,
        parts: [joinPieces(file, { pieces })],
        close: () => undefined,
      };
    }
  }
}

/** @returns undefined where there are no frames that can be told apart. */
async function framesOf(
  file: RandomAccess,
  dataSetOffset: number,
  transferSyntaxUid: Uid,
): Promise<readonly SendableContent[] | undefined> {
  try {
    const opened = await openFrames(file, dataSetOffset, transferSyntaxUid);
    const frames: SendableContent[] = [];
    for (let number = 1; number <= opened.image.numberOfFrames; number += 1)
      frames.push(await opened.frame(number));
    return frames;
  } catch (error) {
    if (error instanceof PixelDataError && error.code === 'unsupported') return undefined;
    throw error;
  }
}
