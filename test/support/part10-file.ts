import { writeFileMeta } from '../../src/dicom/part10/file-meta.ts';
import { uid } from '../../src/dicom/uid.ts';

const CT_IMAGE_STORAGE = uid('1.2.840.10008.5.1.4.1.1.2');
const EXPLICIT_VR_LITTLE_ENDIAN = uid('1.2.840.10008.1.2.1');

function uidElement(group: number, element: number, value: string): Buffer {
  const text = value.length % 2 === 0 ? value : `${value}\0`;
  const header = Buffer.alloc(8);
  header.writeUInt16LE(group, 0);
  header.writeUInt16LE(element, 2);
  header.write('UI', 4, 'latin1');
  header.writeUInt16LE(text.length, 6);
  return Buffer.concat([header, Buffer.from(text, 'latin1')]);
}

/** Pixel Data (7FE0,0010) of VR OW. */
function pixelData(length: number): Buffer {
  const header = Buffer.from([0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x57, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(length, 8);
  return Buffer.concat([header, Buffer.alloc(length, 0x5a)]);
}

/**
 * Builds a small CT Part 10 file in Explicit VR Little Endian.
 * @returns the file, and the Data Set that stands at its end.
 */
export function buildPart10File(options: {
  studyInstanceUid: string;
  sopInstanceUid: string;
  pixelDataLength?: number;
}): { file: Buffer; dataSet: Buffer } {
  const { studyInstanceUid, sopInstanceUid, pixelDataLength = 32 } = options;
  const dataSet = Buffer.concat([
    uidElement(0x0008, 0x0016, CT_IMAGE_STORAGE),
    uidElement(0x0008, 0x0018, sopInstanceUid),
    uidElement(0x0020, 0x000d, studyInstanceUid),
    uidElement(0x0020, 0x000e, `${studyInstanceUid}.1`),
    pixelData(pixelDataLength),
  ]);
  const meta = writeFileMeta({
    sopClassUid: CT_IMAGE_STORAGE,
    sopInstanceUid: uid(sopInstanceUid),
    transferSyntaxUid: EXPLICIT_VR_LITTLE_ENDIAN,
  });
  return { file: Buffer.concat([meta, dataSet]), dataSet };
}
