import type { PixelCodec } from '../../core/ports/pixel-codec.ts';
import {
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  HTJ2K_LOSSLESS_RPCL_UID,
  HTJ2K_LOSSLESS_UID,
  HTJ2K_UID,
  JPEG_2000_LOSSLESS_UID,
  JPEG_2000_UID,
  JPEG_BASELINE_UID,
  JPEG_EXTENDED_UID,
  JPEG_LOSSLESS_FIRST_ORDER_UID,
  JPEG_LOSSLESS_UID,
  JPEG_LS_LOSSLESS_UID,
  JPEG_LS_NEAR_LOSSLESS_UID,
  RLE_LOSSLESS_UID,
} from '../../dicom/transfer-syntax.ts';
import { uid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { negotiate } from './accept.ts';
import type { MediaOffer, MediaRange } from './accept.ts';

export const OCTET_STREAM = 'application/octet-stream';

/** Media types of compressed frames with their Transfer Syntaxes, the default first (PS3.18 table 8.7.3-5). */
const COMPRESSED: readonly (readonly [mediaType: string, syntaxes: readonly Uid[]])[] = [
  ['image/jpeg', [JPEG_LOSSLESS_FIRST_ORDER_UID, JPEG_BASELINE_UID, JPEG_EXTENDED_UID, JPEG_LOSSLESS_UID]],
  ['image/dicom-rle', [RLE_LOSSLESS_UID]],
  ['image/jls', [JPEG_LS_LOSSLESS_UID, JPEG_LS_NEAR_LOSSLESS_UID]],
  ['image/jp2', [JPEG_2000_LOSSLESS_UID, JPEG_2000_UID]],
  ['image/jpx', [uid('1.2.840.10008.1.2.4.92'), uid('1.2.840.10008.1.2.4.93')]],
  ['image/jphc', [HTJ2K_LOSSLESS_UID, HTJ2K_LOSSLESS_RPCL_UID, HTJ2K_UID]],
  ['image/jxl', ['110', '111', '112'].map((suffix) => uid(`1.2.840.10008.1.2.4.${suffix}`))],
];

/** A way to send frames. */
export interface FrameOffer extends MediaOffer {
  readonly transferSyntaxes: readonly Uid[];
  /** `stored`: the bytes as they are; `decoded`: native; `encoded`: compressed anew, without loss. */
  readonly how: 'stored' | 'decoded' | 'encoded';
}

export interface FrameForm {
  readonly how: FrameOffer['how'];
  readonly mediaType: string;
  readonly isMultipart: boolean;
  readonly transferSyntaxUid: Uid;
}

/**
 * Everything that frames can be sent as.
 * @param stored Transfer Syntax of the object.
 * @param isSingle whether one frame is asked for, which needs no multipart body.
 */
export function frameOffers(
  stored: Uid,
  isEncapsulated: boolean,
  isSingle: boolean,
  codec: Pick<PixelCodec, 'canDecode' | 'canTranscode'>,
): readonly FrameOffer[] {
  const offers: FrameOffer[] = [];
  const offer = (how: FrameOffer['how'], mediaType: string, syntaxes: readonly Uid[]): void => {
    if (syntaxes.length === 0) return;
    offers.push({ how, mediaType, transferSyntaxes: syntaxes, isMultipart: true });
    if (isSingle) offers.push({ how, mediaType, transferSyntaxes: syntaxes, isMultipart: false });
  };
  if (!isEncapsulated) offer('stored', OCTET_STREAM, [EXPLICIT_VR_LITTLE_ENDIAN_UID]);
  else {
    if (codec.canDecode(stored)) offer('decoded', OCTET_STREAM, [EXPLICIT_VR_LITTLE_ENDIAN_UID]);
    for (const [mediaType, syntaxes] of COMPRESSED)
      if (syntaxes.includes(stored)) offer('stored', mediaType, [stored]);
    offer('stored', OCTET_STREAM, [stored]);
  }
  for (const [mediaType, syntaxes] of COMPRESSED)
    offer(
      'encoded',
      mediaType,
      syntaxes.filter((syntax) => syntax !== stored && codec.canTranscode(stored, syntax)),
    );
  return offers;
}

/**
 * Chooses among the offers. Frames go as they are stored wherever that is as welcome as anything else; a request that
 * accepts just anything gets the default, native frames (PS3.18 8.7.3).
 */
export function chooseFrameForm(
  ranges: readonly MediaRange[],
  offers: readonly FrameOffer[],
): FrameForm | undefined {
  const asked = ranges.map(withDefault);
  const chosen = negotiate(asked, offers);
  if (chosen === undefined) return undefined;
  const asStored = negotiate(
    asked.filter(({ mediaType, transferSyntax }) => mediaType !== '*/*' || transferSyntax !== undefined),
    offers.filter(({ how }) => how === 'stored'),
  );
  const { offer, range } =
    asStored !== undefined && asStored.range.quality >= chosen.range.quality ? asStored : chosen;
  const [first] = offer.transferSyntaxes;
  const wanted = offer.transferSyntaxes.find((syntax) => syntax === range.transferSyntax) ?? first;
  if (wanted === undefined) return undefined;
  const { how, mediaType, isMultipart } = offer;
  return { how, mediaType, isMultipart, transferSyntaxUid: wanted };
}

/** Octet-stream without a Transfer Syntax stands for its default, which compressed frames are not in. */
function withDefault(range: MediaRange): MediaRange {
  return range.mediaType === OCTET_STREAM && range.transferSyntax === undefined
    ? { ...range, transferSyntax: EXPLICIT_VR_LITTLE_ENDIAN_UID }
    : range;
}
