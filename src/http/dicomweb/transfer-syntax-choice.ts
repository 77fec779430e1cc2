import type { PixelCodec } from '../../core/ports/pixel-codec.ts';
import {
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  HTJ2K_UID,
  JPEG_2000_UID,
  JPEG_BASELINE_UID,
  JPEG_EXTENDED_UID,
  JPEG_LS_NEAR_LOSSLESS_UID,
  transferSyntax,
} from '../../dicom/transfer-syntax.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { MediaRange } from './accept.ts';

/** A Transfer Syntax that the sender of a request takes: `stored` is `*`, `default` none named. */
export type AcceptableSyntax = 'stored' | 'default' | Uid;

/** What a stored object is sent in. */
export type SyntaxChoice =
  | { readonly kind: 'as-stored' }
  /** `orAsStored`: where that turns out to be impossible, as it is stored, because nothing was asked for by name. */
  | { readonly kind: 'transcoded'; readonly to: Uid; readonly orAsStored: boolean };

const AS_STORED: SyntaxChoice = { kind: 'as-stored' };

/** Compressed with loss, or allowed to be. */
const LOSSY: ReadonlySet<string> = new Set([
  JPEG_BASELINE_UID,
  JPEG_EXTENDED_UID,
  JPEG_LS_NEAR_LOSSLESS_UID,
  JPEG_2000_UID,
  HTJ2K_UID,
  '1.2.840.10008.1.2.4.93',
  '1.2.840.10008.1.2.4.111',
  '1.2.840.10008.1.2.4.112',
]);
const VIDEO_NAME = /MPEG|HEVC/;

/** The `transfer-syntax` parameters of media ranges, the most preferred first. */
export function acceptableSyntaxes(ranges: readonly MediaRange[]): readonly AcceptableSyntax[] {
  return ranges
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ transferSyntax: named }) => {
      if (named === undefined || named === '') return 'default';
      return named === '*' ? 'stored' : parseUid(named);
    })
    .filter((syntax) => syntax !== undefined);
}

/**
 * Chooses what to send an object in. As it is stored, wherever that is acceptable; otherwise the first that it can be
 * brought into without loss. Where none is named, the default is Explicit VR Little Endian, but not for pixels that were
 * compressed with loss (PS3.18 8.7.3).
 * @param hasPixels whether it is an image; other objects have nothing to compress.
 * @returns undefined where nothing acceptable can be sent.
 */
export function chooseSyntax(
  stored: Uid,
  hasPixels: boolean,
  acceptable: readonly AcceptableSyntax[],
  codec: Pick<PixelCodec, 'canTranscode'>,
): SyntaxChoice | undefined {
  if (acceptable.includes('stored') || acceptable.includes(stored)) return AS_STORED;
  for (const syntax of acceptable) {
    if (syntax === 'default') {
      if (stored === EXPLICIT_VR_LITTLE_ENDIAN_UID || isLossy(stored)) return AS_STORED;
      const canDecode = codec.canTranscode(stored, EXPLICIT_VR_LITTLE_ENDIAN_UID);
      return canDecode
        ? { kind: 'transcoded', to: EXPLICIT_VR_LITTLE_ENDIAN_UID, orAsStored: true }
        : AS_STORED;
    }
    if (syntax === 'stored') continue;
    // A report among images that were asked for compressed: that syntax changes nothing but the name in its header.
    if (
      !hasPixels &&
      stored === EXPLICIT_VR_LITTLE_ENDIAN_UID &&
      transferSyntax(syntax)?.encapsulated === true
    )
      return AS_STORED;
    if (codec.canTranscode(stored, syntax)) return { kind: 'transcoded', to: syntax, orAsStored: false };
  }
  return undefined;
}

/** Whether decoding and compressing anew would hide that pixels went through a lossy compression. */
export function isLossy(syntaxUid: Uid): boolean {
  return LOSSY.has(syntaxUid) || VIDEO_NAME.test(transferSyntax(syntaxUid)?.name ?? '');
}
