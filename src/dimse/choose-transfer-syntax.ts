import {
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  HTJ2K_LOSSLESS_RPCL_UID,
  HTJ2K_LOSSLESS_UID,
  IMPLICIT_VR_LITTLE_ENDIAN_UID,
  JPEG_2000_LOSSLESS_UID,
  JPEG_LOSSLESS_FIRST_ORDER_UID,
  JPEG_LOSSLESS_UID,
  JPEG_LS_LOSSLESS_UID,
  RLE_LOSSLESS_UID,
  transferSyntax,
} from '../dicom/transfer-syntax.ts';
import { parseUid } from '../dicom/uid.ts';
import type { Uid } from '../dicom/uid.ts';

/** May be chosen where Implicit VR Little Endian is proposed ahead of it: explicit VRs, and no pixel can change. */
const BETTER_THAN_DEFAULT: ReadonlySet<string> = new Set([
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  RLE_LOSSLESS_UID,
  JPEG_LOSSLESS_UID,
  JPEG_LOSSLESS_FIRST_ORDER_UID,
  JPEG_LS_LOSSLESS_UID,
  JPEG_2000_LOSSLESS_UID,
  HTJ2K_LOSSLESS_UID,
  HTJ2K_LOSSLESS_RPCL_UID,
]);

/**
 * Chooses the Transfer Syntax of one Presentation Context so that the sender most likely sends what it holds.
 *
 * The standard gives the order of a proposal no meaning, but requestors do: storescu, dcmsend, storescu of dcm4che,
 * Orthanc and fo-dicom put what the object is stored in first, or give it a context of its own. So the first proposed
 * syntax that we take wins, with two exceptions:
 * - Implicit VR Little Endian stands first out of habit, because every requestor has to offer it (PS3.5 10.1); it drops
 *   the VRs of private elements, and asks an object held compressed to be decompressed. So where it comes first, the
 *   first of the later ones that has explicit VRs and cannot change a pixel is chosen. Lossy syntaxes are not:
 *   choosing one could make the sender compress an original. Neither is the retired big endian one, nor deflate.
 * - Private syntaxes, and those that PS3.6 did not know when our table was made, are taken only where nothing else is
 *   offered: other software must be able to read what we hand on.
 * @param proposed in the order of the request, as read from it.
 * @param accepts the policy; asked only about valid UIDs.
 * @returns undefined where none will do.
 */
export function chooseTransferSyntax(
  proposed: readonly string[],
  accepts: (transferSyntaxUid: Uid) => boolean,
): Uid | undefined {
  const candidates = proposed
    .map((text) => parseUid(text))
    .filter((uid) => uid !== undefined)
    .filter(accepts);
  const standard = candidates.filter((uid) => transferSyntax(uid)?.standard === true);
  const first = standard[0];
  if (first === undefined) return candidates[0];
  if (first !== IMPLICIT_VR_LITTLE_ENDIAN_UID) return first;
  return standard.find((uid) => BETTER_THAN_DEFAULT.has(uid)) ?? first;
}
