import { TRANSFER_SYNTAX, type DataElement } from '../../fixtures/generator/data-set-writer.ts';
import { numberElement, textElement } from '../../fixtures/generator/elements.ts';
import { uidFromSeed } from '../../fixtures/generator/uids.ts';
import { uid, type Uid } from '../../src/dicom/uid.ts';

export const CT_IMAGE_STORAGE = uid('1.2.840.10008.5.1.4.1.1.2');

/** What names an object, without its bytes. */
export interface SyntheticIdentity {
  readonly studyInstanceUid: Uid;
  readonly seriesInstanceUid: Uid;
  readonly sopInstanceUid: Uid;
  readonly sopClassUid: Uid;
  readonly transferSyntaxUid: Uid;
}

export interface SyntheticCtOptions {
  /** UIDs that are not given follow from the seed, series number and instance number; default `synthetic`. */
  readonly seed?: string;
  readonly studyInstanceUid?: string;
  readonly seriesInstanceUid?: string;
  readonly sopInstanceUid?: string;
  /** Default 1. */
  readonly seriesNumber?: number;
  /** Default 1. */
  readonly instanceNumber?: number;
  /** Default 512; with 512 columns, 524,288 bytes of pixels. */
  readonly rows?: number;
  readonly columns?: number;
  /** Other pixels under the same header for another value; default 1. */
  readonly pixelSeed?: number;
  /**
   * Default Explicit VR Little Endian. Pixels are wrapped as one fragment under a compressed syntax, but not
   * compressed: enough for all that looks at headers and bytes, not for a decoder.
   */
  readonly transferSyntaxUid?: string;
  readonly sequenceLengths?: 'defined' | 'undefined';
  /** Latin-1; default `Builder^Synthia`. */
  readonly patientName?: string;
  readonly patientId?: string;
  /** YYYYMMDD. */
  readonly studyDate?: string;
  readonly accessionNumber?: string;
  readonly studyDescription?: string;
  readonly seriesDescription?: string;
  /** Take the place of elements with the same tag, or are added. */
  readonly elements?: readonly DataElement[];
  /** Tags to leave out, for example 0x00200010. */
  readonly omit?: readonly number[];
}

/** The UIDs of the options, those that are missing made from the seed. @throws RangeError for UIDs that are none. */
export function identityOf(options: SyntheticCtOptions): SyntheticIdentity {
  const { seed = 'synthetic', seriesNumber = 1, instanceNumber = 1 } = options;
  return {
    studyInstanceUid: uid(options.studyInstanceUid ?? uidFromSeed(seed)),
    seriesInstanceUid: uid(options.seriesInstanceUid ?? uidFromSeed(seed, seriesNumber)),
    sopInstanceUid: uid(options.sopInstanceUid ?? uidFromSeed(seed, seriesNumber, instanceNumber)),
    sopClassUid: CT_IMAGE_STORAGE,
    transferSyntaxUid: uid(options.transferSyntaxUid ?? TRANSFER_SYNTAX.explicitLittleEndian),
  };
}

/** The elements of a CT object but for Pixel Data, as an ordinary scanner fills them. */
export function elementsOf(options: SyntheticCtOptions, identity: SyntheticIdentity): DataElement[] {
  const { rows = 512, columns = 512, instanceNumber = 1, seriesNumber = 1 } = options;
  const studyDate = options.studyDate ?? '20240301';
  const studyDescription = options.studyDescription ?? 'Synthetic study';
  const elements: DataElement[] = [
    textElement(0x0008_0005, 'CS', 'ISO_IR 100'),
    textElement(0x0008_0008, 'CS', ['ORIGINAL', 'PRIMARY', 'AXIAL']),
    textElement(0x0008_0016, 'UI', identity.sopClassUid),
    textElement(0x0008_0018, 'UI', identity.sopInstanceUid),
    textElement(0x0008_0020, 'DA', studyDate),
    textElement(0x0008_0021, 'DA', studyDate),
    textElement(0x0008_0022, 'DA', studyDate),
    textElement(0x0008_0023, 'DA', studyDate),
    textElement(0x0008_0030, 'TM', '101500'),
    textElement(0x0008_0031, 'TM', '101510'),
    textElement(0x0008_0033, 'TM', '101520'),
    textElement(0x0008_0050, 'SH', options.accessionNumber ?? 'SYN-0001'),
    textElement(0x0008_0060, 'CS', 'CT'),
    textElement(0x0008_0070, 'LO', 'Synthetic Imaging Works'),
    textElement(0x0008_0080, 'LO', 'Test bench'),
    textElement(0x0008_0090, 'PN', 'Exampleson^Rudolf^^Dr'),
    textElement(0x0008_1010, 'SH', 'CT1'),
    textElement(0x0008_1030, 'LO', studyDescription),
    {
      tag: 0x0008_1032,
      vr: 'SQ',
      items: [
        [
          textElement(0x0008_0100, 'SH', 'SYNTHETIC'),
          textElement(0x0008_0102, 'SH', '99TEST'),
          textElement(0x0008_0104, 'LO', studyDescription),
        ],
      ],
    },
    textElement(0x0008_103e, 'LO', options.seriesDescription ?? 'Synthetic series'),
    textElement(0x0010_0010, 'PN', options.patientName ?? 'Builder^Synthia'),
    textElement(0x0010_0020, 'LO', options.patientId ?? 'SYN-1'),
    textElement(0x0010_0030, 'DA', '19700101'),
    textElement(0x0010_0040, 'CS', 'O'),
    textElement(0x0018_0015, 'CS', 'HEAD'),
    textElement(0x0018_0050, 'DS', '1.000'),
    textElement(0x0018_0060, 'DS', '120'),
    textElement(0x0018_5100, 'CS', 'HFS'),
    textElement(0x0020_000d, 'UI', identity.studyInstanceUid),
    textElement(0x0020_000e, 'UI', identity.seriesInstanceUid),
    textElement(0x0020_0010, 'SH', 'SYN-0001'),
    textElement(0x0020_0011, 'IS', String(seriesNumber)),
    textElement(0x0020_0012, 'IS', '1'),
    textElement(0x0020_0013, 'IS', String(instanceNumber)),
    textElement(0x0020_0032, 'DS', ['-128.000', '-128.000', `${instanceNumber}.000`]),
    textElement(0x0020_0037, 'DS', ['1', '0', '0', '0', '1', '0']),
    textElement(0x0020_0052, 'UI', uidFromSeed(identity.studyInstanceUid, 'frame of reference')),
    textElement(0x0020_1040, 'LO', ''),
    numberElement(0x0028_0002, 'US', 1),
    textElement(0x0028_0004, 'CS', 'MONOCHROME2'),
    numberElement(0x0028_0010, 'US', rows),
    numberElement(0x0028_0011, 'US', columns),
    textElement(0x0028_0030, 'DS', ['0.500', '0.500']),
    numberElement(0x0028_0100, 'US', 16),
    numberElement(0x0028_0101, 'US', 16),
    numberElement(0x0028_0102, 'US', 15),
    numberElement(0x0028_0103, 'US', 0),
    textElement(0x0028_1050, 'DS', '40'),
    textElement(0x0028_1051, 'DS', '400'),
    textElement(0x0028_1052, 'DS', '-1024'),
    textElement(0x0028_1053, 'DS', '1'),
  ];
  const given = options.elements ?? [];
  const replaced = new Set([...given.map(({ tag }) => tag), ...(options.omit ?? [])]);
  return [...elements.filter(({ tag }) => !replaced.has(tag)), ...given];
}
