import { Buffer } from 'node:buffer';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

import { PixelError } from '../core/ports/pixel-codec.ts';
import type { DecodedFrame, PixelSource } from '../core/ports/pixel-codec.ts';
import { readElementTree } from '../dicom/data-set/element-tree.ts';
import { delimiter, header, toExplicitLittleEndian } from '../dicom/data-set/explicit-little-endian.ts';
import { attributeVr } from '../dicom/dictionary/attribute-vr.ts';
import { TAGS } from '../dicom/dictionary/tags.ts';
import { ITEM_TAG, SEQUENCE_DELIMITATION_TAG, UNDEFINED_LENGTH } from '../dicom/part10/element-header.ts';
import { writeFileMeta } from '../dicom/part10/file-meta.ts';
import { readCodestreamHeader } from '../dicom/pixel-data/codestream.ts';
import type { PixelDataPlace } from '../dicom/pixel-data/find-pixel-data.ts';
import { SWAPPED_BYTES } from '../dicom/pixel-data/frame-content.ts';
import { readFully } from '../dicom/pixel-data/random-access.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN_UID } from '../dicom/transfer-syntax.ts';
import { parseUid } from '../dicom/uid.ts';
import { encodeFrame } from './encode-job.ts';
import { withImageFile } from './image-file.ts';
import type { ImageFile } from './image-file.ts';

const PIXEL_DATA_GROUP = 0x7fe00000;
const PLANAR_CONFIGURATION = 0x00280006;
const COPIED_BYTES = 1024 * 1024;
/** An even length below the one that stands for "undefined". */
const MAX_VALUE_LENGTH = 0xfffffffe;
const PIXEL_TAGS = { integer: 0x7fe00010, float: 0x7fe00008, 'double-float': 0x7fe00009 } as const;

/**
 * Writes an object in another Transfer Syntax, frame by frame, so that one frame at most is in memory. Digital
 * signatures and padding behind the Pixel Data, which would be wrong, are left out.
 * @param alive called after every frame.
 * @throws PixelError
 */
export function transcodeJob(
  source: PixelSource,
  transferSyntaxUid: string,
  targetPath: string,
  alive: () => void,
): Promise<{ readonly bytes: number }> {
  return withImageFile(source, async (file) => {
    const place = await file.pixelData();
    const target = await open(targetPath, 'wx', 0o600);
    try {
      await writeObject({ file, place, target, transferSyntaxUid, alive });
      const { size } = await target.stat();
      return { bytes: size };
    } finally {
      await target.close();
    }
  });
}

interface Writing {
  readonly file: ImageFile;
  readonly place: PixelDataPlace | undefined;
  readonly target: FileHandle;
  readonly transferSyntaxUid: string;
  readonly alive: () => void;
}

async function writeObject(writing: Writing): Promise<void> {
  const { file, place, transferSyntaxUid } = writing;
  const isNativeTarget = transferSyntaxUid === EXPLICIT_VR_LITTLE_ENDIAN_UID;
  if (place === undefined) {
    if (!isNativeTarget)
      throw new PixelError('unsupported', 'An object without pixels cannot be compressed.');
    await writeHeader(writing, undefined);
  } else if (!isNativeTarget) {
    await writeCompressed(writing);
  } else if (file.transferSyntax.encapsulated) {
    await writeDecoded(writing);
  } else {
    await writeHeader(writing, undefined);
    await copyNative(writing, place);
  }
}

/** File Meta Information and the elements before Pixel Data. */
async function writeHeader(
  { file, target, transferSyntaxUid }: Writing,
  frame: DecodedFrame['description'] | undefined,
): Promise<void> {
  const bytes = await file.header();
  const tree = readElementTree(bytes, {
    encoding: file.transferSyntax,
    elements: new Set([TAGS.SOPClassUID.tag, TAGS.SOPInstanceUID.tag, TAGS.PixelRepresentation.tag]),
    sequences: new Set(),
    endBefore: PIXEL_DATA_GROUP,
  });
  const sopClassUid = parseUid(tree.text(TAGS.SOPClassUID.tag) ?? '');
  const sopInstanceUid = parseUid(tree.text(TAGS.SOPInstanceUID.tag) ?? '');
  const syntaxUid = parseUid(transferSyntaxUid);
  if (sopClassUid === undefined || sopInstanceUid === undefined || syntaxUid === undefined)
    throw new PixelError('damaged', 'The object does not name itself.');
  const isSigned = tree.short(TAGS.PixelRepresentation.tag) === 1;
  const replace = new Map<number, { vr: string; value: Buffer }>();
  if (frame !== undefined) {
    replace.set(TAGS.PhotometricInterpretation.tag, {
      vr: 'CS',
      value: Buffer.from(frame.photometricInterpretation, 'latin1'),
    });
    if (frame.samplesPerPixel > 1) replace.set(PLANAR_CONFIGURATION, { vr: 'US', value: Buffer.alloc(2) });
  }
  await target.appendFile(writeFileMeta({ sopClassUid, sopInstanceUid, transferSyntaxUid: syntaxUid }));
  await target.appendFile(
    toExplicitLittleEndian(bytes, {
      encoding: file.transferSyntax,
      vrOf: (tag) => attributeVr(tag, isSigned),
      replace,
      endBefore: PIXEL_DATA_GROUP,
    }),
  );
}

async function writeDecoded(writing: Writing): Promise<void> {
  const { file, target, alive } = writing;
  const { image } = await file.frames();
  const first = await file.decode(1);
  await writeHeader(writing, first.description);
  const length = first.bytes.length * image.numberOfFrames;
  const vr = first.description.bitsAllocated > 8 ? 'OW' : 'OB';
  await target.appendFile(header(PIXEL_TAGS.integer, vr, evenLength(length)));
  await target.appendFile(first.bytes);
  for (let number = 2; number <= image.numberOfFrames; number++) {
    const { bytes } = await file.decode(number);
    if (bytes.length !== first.bytes.length)
      throw new PixelError('damaged', 'Frames decode to different sizes.');
    await target.appendFile(bytes);
    alive();
  }
  if (length % 2 === 1) await target.appendFile(Buffer.alloc(1));
}

async function writeCompressed(writing: Writing): Promise<void> {
  const { file, target, alive, transferSyntaxUid } = writing;
  const { image } = await file.frames();
  for (let number = 1; number <= image.numberOfFrames; number++) {
    const { bytes, description } = await encodeFrame(await file.decode(number), transferSyntaxUid);
    if (number === 1) {
      const isTransformed =
        readCodestreamHeader(bytes)?.coding === 'jpeg-2000' && description.samplesPerPixel === 3;
      await writeHeader(writing, {
        ...description,
        photometricInterpretation: isTransformed ? 'YBR_RCT' : description.photometricInterpretation,
      });
      await target.appendFile(header(PIXEL_TAGS.integer, 'OB', UNDEFINED_LENGTH));
      // A Basic Offset Table may be empty (PS3.5 A.4).
      await target.appendFile(delimiter(ITEM_TAG, 0));
    }
    await target.appendFile(delimiter(ITEM_TAG, evenLength(bytes.length)));
    await target.appendFile(bytes);
    if (bytes.length % 2 === 1) await target.appendFile(Buffer.alloc(1));
    alive();
  }
  await target.appendFile(delimiter(SEQUENCE_DELIMITATION_TAG, 0));
}

/** Native Pixel Data as it is, but for its byte order. */
async function copyNative({ file, target, alive }: Writing, place: PixelDataPlace): Promise<void> {
  const { position, length = 0, vr = 'OW', kind } = place;
  const unit = file.transferSyntax.bigEndianPixelData ? SWAPPED_BYTES[vr] : undefined;
  await target.appendFile(
    header(PIXEL_TAGS[kind], kind === 'integer' ? vr : vr === 'OW' ? floatVr(kind) : vr, evenLength(length)),
  );
  for (let copied = 0; copied < length;) {
    const chunk = Buffer.allocUnsafe(Math.min(COPIED_BYTES, length - copied));
    if ((await readFully(file.dataSet, chunk, position + copied)) < chunk.length)
      throw new PixelError('damaged', 'The object ends inside its Pixel Data.');
    if (unit !== undefined && chunk.length % unit === 0) {
      if (unit === 2) chunk.swap16();
      else if (unit === 4) chunk.swap32();
      else chunk.swap64();
    }
    await target.appendFile(chunk);
    copied += chunk.length;
    alive();
  }
  if (length % 2 === 1) await target.appendFile(Buffer.alloc(1));
}

function floatVr(kind: 'float' | 'double-float'): string {
  return kind === 'float' ? 'OF' : 'OD';
}

function evenLength(length: number): number {
  const even = length + (length % 2);
  if (even > MAX_VALUE_LENGTH) throw new PixelError('too-large', 'The object would be larger than 4 GiB.');
  return even;
}
