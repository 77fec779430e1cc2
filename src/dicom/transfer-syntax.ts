import { TRANSFER_SYNTAX_ROWS, type TransferSyntaxCoding } from './dictionary/transfer-syntaxes.ts';
import { uid as toUid, type Uid } from './uid.ts';

/** What must be known of a Transfer Syntax to read the elements of a Data Set (PS3.5 section 10). */
export interface TransferSyntax {
  readonly uid: Uid;
  readonly name: string;
  /** Elements carry their VR; otherwise it is known from the dictionary only. */
  readonly explicitVr: boolean;
  /** Byte order of tags, lengths and binary values, Pixel Data of {@link bigEndianPixelData} aside. */
  readonly littleEndian: boolean;
  /** Pixel Data comes as a sequence of fragments (PS3.5 A.4). */
  readonly encapsulated: boolean;
  /** All of the Data Set is one raw deflate stream (PS3.5 A.5); the other flags describe what it inflates to. */
  readonly deflated: boolean;
  /** Pixel Data is big endian in a little endian Data Set: GE's private syntax only. */
  readonly bigEndianPixelData: boolean;
  readonly retired: boolean;
  /** Registered in PS3.6. */
  readonly standard: boolean;
}

export const IMPLICIT_VR_LITTLE_ENDIAN_UID = toUid('1.2.840.10008.1.2');
export const EXPLICIT_VR_LITTLE_ENDIAN_UID = toUid('1.2.840.10008.1.2.1');
export const ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN_UID = toUid('1.2.840.10008.1.2.1.98');
export const DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN_UID = toUid('1.2.840.10008.1.2.1.99');
export const EXPLICIT_VR_BIG_ENDIAN_UID = toUid('1.2.840.10008.1.2.2');
export const JPEG_BASELINE_UID = toUid('1.2.840.10008.1.2.4.50');
export const JPEG_EXTENDED_UID = toUid('1.2.840.10008.1.2.4.51');
export const JPEG_LOSSLESS_UID = toUid('1.2.840.10008.1.2.4.57');
export const JPEG_LOSSLESS_FIRST_ORDER_UID = toUid('1.2.840.10008.1.2.4.70');
export const JPEG_LS_LOSSLESS_UID = toUid('1.2.840.10008.1.2.4.80');
export const JPEG_LS_NEAR_LOSSLESS_UID = toUid('1.2.840.10008.1.2.4.81');
export const JPEG_2000_LOSSLESS_UID = toUid('1.2.840.10008.1.2.4.90');
export const JPEG_2000_UID = toUid('1.2.840.10008.1.2.4.91');
export const HTJ2K_LOSSLESS_UID = toUid('1.2.840.10008.1.2.4.201');
export const HTJ2K_LOSSLESS_RPCL_UID = toUid('1.2.840.10008.1.2.4.202');
export const HTJ2K_UID = toUid('1.2.840.10008.1.2.4.203');
export const RLE_LOSSLESS_UID = toUid('1.2.840.10008.1.2.5');
export const GE_PRIVATE_IMPLICIT_VR_UID = toUid('1.2.840.113619.5.2');

const STANDARD_ROOT = '1.2.840.10008.';

function describe(
  uid: Uid,
  name: string,
  coding: TransferSyntaxCoding,
  flags: { readonly retired: boolean; readonly standard: boolean },
): TransferSyntax {
  return {
    uid,
    name,
    explicitVr: coding !== 'implicit-le' && coding !== 'implicit-le-swapped-pixels',
    littleEndian: coding !== 'explicit-be',
    encapsulated: coding === 'encapsulated',
    deflated: coding === 'deflated',
    bigEndianPixelData: coding === 'explicit-be' || coding === 'implicit-le-swapped-pixels',
    ...flags,
  };
}

/** Every Transfer Syntax of PS3.6 table A-1, retired ones included, and GE's private one. */
export const TRANSFER_SYNTAXES: readonly TransferSyntax[] = TRANSFER_SYNTAX_ROWS.map(
  ([uid, name, coding, retired]) =>
    describe(toUid(uid), name, coding, {
      retired: retired === 'retired',
      standard: uid.startsWith(STANDARD_ROOT),
    }),
);

const BY_UID: ReadonlyMap<string, TransferSyntax> = new Map(
  TRANSFER_SYNTAXES.map((syntax) => [syntax.uid, syntax]),
);

/** Looks a Transfer Syntax up by its UID (without padding); undefined for unknown and private ones. */
export function transferSyntax(uid: string): TransferSyntax | undefined {
  return BY_UID.get(uid);
}

/**
 * Like {@link transferSyntax}, and for any other UID how its header must be assumed to be encoded: every Transfer
 * Syntax added since 1993 is Explicit VR Little Endian with encapsulated Pixel Data (PS3.5 A.4), and private
 * compressions follow that form.
 */
export function assumedTransferSyntax(uid: Uid): TransferSyntax {
  return (
    BY_UID.get(uid) ??
    describe(uid, `Unknown Transfer Syntax ${uid}`, 'encapsulated', {
      retired: false,
      standard: uid.startsWith(STANDARD_ROOT),
    })
  );
}

/** The JPIP Referenced syntaxes (PS3.5 A.6, A.7): a URL stands in for Pixel Data. */
const JPIP_REFERENCED_UIDS: ReadonlySet<string> = new Set(
  ['94', '95', '204', '205'].map((suffix) => `1.2.840.10008.1.2.4.${suffix}`),
);

/** Tells whether images in a Transfer Syntax rightly come without Pixel Data. */
export function hasPixelsElsewhere(transferSyntaxUid: Uid): boolean {
  return JPIP_REFERENCED_UIDS.has(transferSyntaxUid);
}
