import type { InstanceRecord } from '../core/study/study.ts';
import { parseByteRange } from './byte-range.ts';

/** The answer to a request for an object that its sender may have. */
export interface ObjectReply {
  readonly status: 200 | 206 | 304 | 416;
  /** Of this reply alone: more may be added. */
  readonly headers: Record<string, string>;
  /** The bytes of the file that the body holds; no body where `length` is 0. */
  readonly start: number;
  readonly length: number;
}

/**
 * Decides between 200, 206, 304 and 416 (RFC 9110 13.2.2).
 * @param header reads a request header.
 * @param maxAgeSeconds how long the answer may be kept by the client: as long as the URL itself is good.
 */
export function planObjectReply(
  header: (name: string) => string | undefined,
  record: InstanceRecord,
  maxAgeSeconds: number,
): ObjectReply {
  const size = record.fileBytes;
  // Files are never changed once in place, so the digest of the Data Set stands for the file.
  const etag = `"${record.sha256}"`;
  const modifiedAt = Math.floor(record.receivedAt / 1000) * 1000;
  const lastModified = new Date(modifiedAt).toUTCString();
  const headers: Record<string, string> = {
    ETag: etag,
    'Last-Modified': lastModified,
    'Cache-Control': `private, max-age=${maxAgeSeconds}`,
    'Accept-Ranges': 'bytes',
    'X-Content-Type-Options': 'nosniff',
  };
  if (isUnchanged(header, etag, modifiedAt)) return { status: 304, headers, start: 0, length: 0 };

  const ifRange = header('if-range');
  const isRangeUsable = ifRange === undefined || ifRange === etag || ifRange === lastModified;
  const range = parseByteRange(isRangeUsable ? header('range') : undefined, size);
  if (range.kind === 'unsatisfiable') {
    headers['Content-Range'] = `bytes */${size}`;
    return { status: 416, headers, start: 0, length: 0 };
  }
  const { start, length } = range.kind === 'part' ? range : { start: 0, length: size };
  headers['Content-Type'] = 'application/dicom';
  headers['Content-Length'] = String(length);
  if (range.kind === 'whole') return { status: 200, headers, start, length };
  headers['Content-Range'] = `bytes ${start}-${start + length - 1}/${size}`;
  return { status: 206, headers, start, length };
}

/** If-None-Match (weak comparison), or else If-Modified-Since. */
function isUnchanged(
  header: (name: string) => string | undefined,
  etag: string,
  modifiedAt: number,
): boolean {
  const noneMatch = header('if-none-match');
  if (noneMatch !== undefined)
    return noneMatch.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
  const since = Date.parse(header('if-modified-since') ?? '');
  return modifiedAt <= since;
}
