import { readFileSync } from 'node:fs';

import type { PixelSource } from '../../src/core/ports/pixel-codec.ts';
import { readFileMeta } from '../../src/dicom/part10/file-meta.ts';

/** A Part 10 file as the pixel adapter is given it; undefined where it does not name its Transfer Syntax. */
export function pixelSourceOf(path: string): PixelSource | undefined {
  const meta = readFileMeta(readFileSync(path));
  if (meta.kind !== 'complete' || meta.transferSyntaxUid === undefined) return undefined;
  return { path, dataSetOffset: meta.dataSetOffset, transferSyntaxUid: meta.transferSyntaxUid };
}
