import type { Buffer } from 'node:buffer';

import { ByteWindow, readableBuffer } from '../../src/dicom/data-set/byte-window.ts';
import type { WalkFault } from '../../src/dicom/data-set/walk-object.ts';
import { encodeDataSet } from '../../src/dicom/json/encode-data-set.ts';
import type { EncodeDataSetOptions } from '../../src/dicom/json/encode-data-set.ts';
import { readFileMeta } from '../../src/dicom/part10/file-meta.ts';
import { inflateDataSet } from '../../src/dicom/part10/inflate.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN_UID, assumedTransferSyntax } from '../../src/dicom/transfer-syntax.ts';

/** An attribute of a DICOM JSON Model object. */
export interface JsonAttribute {
  readonly vr: string;
  readonly Value?: readonly unknown[];
  readonly InlineBinary?: string;
  readonly BulkDataURI?: string;
}
export type JsonDataSet = Readonly<Record<string, JsonAttribute>>;

export interface EncodedJson {
  readonly text: string;
  readonly object: JsonDataSet;
  readonly fault: WalkFault;
}

/** Encodes a Data Set that is in memory. BulkDataURIs are the paths of their elements. */
export function encodeJson(
  bytes: Buffer,
  transferSyntax: EncodeDataSetOptions['transferSyntax'],
  options: Partial<Pick<EncodeDataSetOptions, 'start' | 'known'>> = {},
): EncodedJson {
  const window = new ByteWindow();
  window.open(readableBuffer(bytes));
  let text = '';
  const fault = encodeDataSet({
    window,
    start: 0,
    transferSyntax,
    bulkDataUri: (path) => path,
    sink: (json) => {
      text += json;
    },
    ...options,
  });
  return { text, object: JSON.parse(text) as JsonDataSet, fault };
}

/** Encodes a Part 10 file; undefined for any other. */
export async function encodePart10Json(file: Buffer): Promise<EncodedJson | undefined> {
  const meta = readFileMeta(file);
  if (meta.kind !== 'complete') return undefined;
  const syntax = assumedTransferSyntax(meta.transferSyntaxUid ?? EXPLICIT_VR_LITTLE_ENDIAN_UID);
  if (!syntax.deflated) return encodeJson(file, syntax, { start: meta.dataSetOffset });
  return encodeJson((await inflateDataSet(file.subarray(meta.dataSetOffset))).bytes, syntax);
}
