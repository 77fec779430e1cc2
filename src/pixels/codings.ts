import {
  DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN_UID,
  ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN_UID,
  EXPLICIT_VR_BIG_ENDIAN_UID,
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  GE_PRIVATE_IMPLICIT_VR_UID,
  HTJ2K_LOSSLESS_RPCL_UID,
  HTJ2K_LOSSLESS_UID,
  HTJ2K_UID,
  IMPLICIT_VR_LITTLE_ENDIAN_UID,
  JPEG_2000_LOSSLESS_UID,
  JPEG_2000_UID,
  JPEG_BASELINE_UID,
  JPEG_EXTENDED_UID,
  JPEG_LOSSLESS_FIRST_ORDER_UID,
  JPEG_LOSSLESS_UID,
  JPEG_LS_LOSSLESS_UID,
  JPEG_LS_NEAR_LOSSLESS_UID,
  RLE_LOSSLESS_UID,
} from '../dicom/transfer-syntax.ts';

/** How frames are compressed. */
export type Coding = 'none' | 'rle' | 'deflated' | 'jpeg' | 'jpeg-ls' | 'jpeg-2000' | 'htj2k';
/** Codings that the native codecs decode. */
export type CodecCoding = 'jpeg' | 'jpeg-ls' | 'jpeg-2000' | 'htj2k';

const JPEG_SPECTRAL_SELECTION_UID = '1.2.840.10008.1.2.4.53';
const JPEG_FULL_PROGRESSION_UID = '1.2.840.10008.1.2.4.55';
const DEFLATED_IMAGE_FRAME_UID = '1.2.840.10008.1.2.8.1';

const CODINGS: ReadonlyMap<string, Coding> = new Map<string, Coding>([
  [IMPLICIT_VR_LITTLE_ENDIAN_UID, 'none'],
  [EXPLICIT_VR_LITTLE_ENDIAN_UID, 'none'],
  [EXPLICIT_VR_BIG_ENDIAN_UID, 'none'],
  [DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN_UID, 'none'],
  [ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN_UID, 'none'],
  [GE_PRIVATE_IMPLICIT_VR_UID, 'none'],
  [DEFLATED_IMAGE_FRAME_UID, 'deflated'],
  [RLE_LOSSLESS_UID, 'rle'],
  [JPEG_BASELINE_UID, 'jpeg'],
  [JPEG_EXTENDED_UID, 'jpeg'],
  [JPEG_SPECTRAL_SELECTION_UID, 'jpeg'],
  [JPEG_FULL_PROGRESSION_UID, 'jpeg'],
  [JPEG_LOSSLESS_UID, 'jpeg'],
  [JPEG_LOSSLESS_FIRST_ORDER_UID, 'jpeg'],
  [JPEG_LS_LOSSLESS_UID, 'jpeg-ls'],
  [JPEG_LS_NEAR_LOSSLESS_UID, 'jpeg-ls'],
  [JPEG_2000_LOSSLESS_UID, 'jpeg-2000'],
  [JPEG_2000_UID, 'jpeg-2000'],
  [HTJ2K_LOSSLESS_UID, 'htj2k'],
  [HTJ2K_LOSSLESS_RPCL_UID, 'htj2k'],
  [HTJ2K_UID, 'htj2k'],
]);

/** How frames of a Transfer Syntax are compressed; undefined where nothing here decodes them. */
export function codingOf(transferSyntaxUid: string): Coding | undefined {
  return CODINGS.get(transferSyntaxUid);
}

/** The lossless Transfer Syntaxes that frames can be compressed to. */
export const ENCODABLE_UIDS: ReadonlySet<string> = new Set<string>([
  RLE_LOSSLESS_UID,
  JPEG_LOSSLESS_FIRST_ORDER_UID,
  JPEG_LS_LOSSLESS_UID,
  JPEG_2000_LOSSLESS_UID,
  HTJ2K_LOSSLESS_UID,
  HTJ2K_LOSSLESS_RPCL_UID,
]);
