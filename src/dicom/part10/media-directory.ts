import type { Buffer } from 'node:buffer';

import {
  decodeElementHeader,
  type ElementEncoding,
  type ElementHeader,
  ITEM_DELIMITATION_TAG,
  ITEM_TAG,
  SEQUENCE_DELIMITATION_TAG,
  UNDEFINED_LENGTH,
} from './element-header.ts';

/** (0004,1220) */
const DIRECTORY_RECORD_SEQUENCE_TAG = 0x00041220;
/** (0004,1500) */
const REFERENCED_FILE_ID_TAG = 0x00041500;
/** PS3.10 8.2: at most eight components; a little more does no harm. */
const MAX_COMPONENTS = 16;

/**
 * Lists the files that a DICOMDIR refers to (PS3.3 F.3.2.2): each as its components, which name folders and a file
 * below the folder of the DICOMDIR. Records are read one after the other as they stand; the offsets between them, which
 * are often wrong, are not needed for that.
 * @param dataSet the Data Set of the DICOMDIR; it may be cut off.
 */
export function readReferencedFileIds(
  dataSet: Buffer,
  encoding: ElementEncoding,
): readonly (readonly string[])[] {
  const header: ElementHeader = { tag: 0, vr: 0, length: 0, size: 0 };
  const files: string[][] = [];
  let pos = 0;
  while (decodeElementHeader(dataSet, pos, dataSet.length, encoding, header)) {
    const start = pos + header.size;
    const { tag, length } = header;
    const isDelimiter = tag === ITEM_DELIMITATION_TAG || tag === SEQUENCE_DELIMITATION_TAG;
    const isContainer =
      tag === ITEM_TAG || tag === DIRECTORY_RECORD_SEQUENCE_TAG || length === UNDEFINED_LENGTH;
    if (isContainer || isDelimiter) {
      // Their content follows; it is walked as if it were not inside anything.
      pos = start;
      continue;
    }
    if (tag === REFERENCED_FILE_ID_TAG && start + length <= dataSet.length) {
      const components = componentsOf(dataSet.toString('latin1', start, start + length));
      if (components !== undefined) files.push(components);
    }
    pos = start + length;
  }
  return files;
}

/** @returns undefined for an ID that names nothing below the folder of the DICOMDIR. */
function componentsOf(value: string): string[] | undefined {
  const components = value.split('\\').map((component) => component.replace(/[\0 ]+$/, ''));
  const isPlain = (component: string): boolean =>
    component !== '' && component !== '.' && component !== '..' && !/[/\0]/.test(component);
  return components.length <= MAX_COMPONENTS && components.every(isPlain) ? components : undefined;
}
