import { Buffer } from 'node:buffer';
import { crc32, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { EMPTY_PART, GZIP_HEADER, deflatePart, gzipEnd, joinParts, storedPart } from './gzip-parts.ts';

it('makes one gzip stream of parts deflated apart', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 8 }), (pieces) => {
      let total = EMPTY_PART;
      const stream: Buffer[] = [GZIP_HEADER];
      for (const piece of pieces) {
        const bytes = Buffer.from(piece);
        stream.push(deflatePart(bytes, 9));
        total = joinParts(total, { crc32: crc32(bytes), bytes: bytes.length });
        const comma = storedPart(',');
        stream.push(comma.deflated);
        total = joinParts(total, comma.part);
      }
      stream.push(gzipEnd(total));
      const expected = Buffer.concat(pieces.flatMap((piece) => [piece, Buffer.from(',')]));
      // Checks the CRC and the length, and that nothing is left over.
      expect(gunzipSync(Buffer.concat(stream)).equals(expected)).toBe(true);
    }),
  );
});
