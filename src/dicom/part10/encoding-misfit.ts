import { type ElementEncoding, type ElementHeader, isKnownVr } from './element-header.ts';

/**
 * Tells from the first header whether the bytes are in another encoding than declared. Only what cannot be right is
 * reported: no attribute that may stand first is as long as two letters read as a length, and 0200, 0400 and 0800 are
 * no groups of the standard but 0002, 0004 and 0008 in the other byte order.
 */
export function describeMisfit(header: ElementHeader, encoding: ElementEncoding): string | undefined {
  const group = Math.floor(header.tag / 0x10000);
  if (group === 0x0200 || group === 0x0400 || group === 0x0800) {
    return `The Data Set is not ${encoding.littleEndian ? 'little' : 'big'} endian as its Transfer Syntax says.`;
  }
  if (encoding.explicitVr) {
    return header.vr === 0 ? 'The Data Set is not in Explicit VR as its Transfer Syntax says.' : undefined;
  }
  const spelled = (header.length & 0xff) * 256 + ((header.length >> 8) & 0xff);
  return group <= 0x0008 && isKnownVr(spelled)
    ? 'The Data Set is not in Implicit VR as its Transfer Syntax says.'
    : undefined;
}
