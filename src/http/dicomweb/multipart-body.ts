import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';

/** Header fields of a part, in this order. */
export type PartHeaders = Readonly<Record<string, string>>;

/** The text of a multipart body between its contents (RFC 2046 5.1). */
export interface MultipartFraming {
  /** For the response's Content-Type. */
  readonly contentType: string;
  /** Boundary and header of a part. */
  head(headers: PartHeaders): Buffer;
  /** What ends the body. */
  readonly end: Buffer;
}

/**
 * @param mediaType of the parts (RFC 2387 3.1).
 */
export function createMultipartFraming(mediaType: string): MultipartFraming {
  // Letters and digits only, so that no reader trips over quotes; 128 random bits are in no content.
  return framingWith(mediaType, randomBytes(16).toString('hex'));
}

function framingWith(mediaType: string, boundary: string): MultipartFraming {
  let isFirst = true;
  return {
    contentType: `multipart/related; type="${mediaType}"; boundary=${boundary}`,
    head(headers) {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      const start = isFirst ? '' : '\r\n';
      isFirst = false;
      return Buffer.from(`${start}--${boundary}\r\n${lines.join('')}\r\n`, 'latin1');
    },
    end: Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1'),
  };
}

/** Bytes of a body with these parts. */
export function multipartLength(
  framing: MultipartFraming,
  parts: readonly { readonly headers: PartHeaders; readonly bytes: number }[],
): number {
  // The boundary is as long in every framing.
  const probe = framingWith('application/octet-stream', '0'.repeat(32));
  let length = framing.end.length;
  for (const { headers, bytes } of parts) length += probe.head(headers).length + bytes;
  return length;
}
