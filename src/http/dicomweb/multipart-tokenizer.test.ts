import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PART_HEADER_BYTES, MultipartError, MultipartTokenizer } from './multipart-tokenizer.ts';

interface Part {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Reads a body that comes in chunks of the given sizes, over and over. */
function read(boundary: string, body: Buffer | string, sizes: readonly number[] = [Infinity]): Part[] {
  const bytes = Buffer.from(body);
  const tokenizer = new MultipartTokenizer(boundary);
  const parts: { headers: Record<string, string>; pieces: Buffer[]; isEnded: boolean }[] = [];
  let isOver = false;
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    for (const event of tokenizer.push(Buffer.from(bytes.subarray(at, at + size)))) {
      expect(isOver).toBe(false);
      const part = parts.at(-1);
      if (event.kind === 'part') {
        expect(part?.isEnded ?? true).toBe(true);
        parts.push({ headers: Object.fromEntries(event.headers), pieces: [], isEnded: false });
      } else if (event.kind === 'data') part?.pieces.push(event.bytes);
      else if (event.kind === 'part-end' && part !== undefined) part.isEnded = true;
      else isOver = true;
    }
    at += size;
  }
  tokenizer.end();
  return parts.map(({ headers, pieces }) => ({ headers, body: Buffer.concat(pieces) }));
}

const texts = (parts: readonly Part[]): string[] => parts.map(({ body }) => body.toString('latin1'));

describe('a multipart body', () => {
  it('is taken apart, preamble and epilogue left out', () => {
    const body =
      'a preamble\r\n--b\r\nContent-Type: application/dicom\r\nX-Long: one\r\n two\r\n\r\nfirst\r\n--b \t\r\n\r\nsecond\r\n--b\r\nA:1\r\n\r\n\r\n--b--\r\n--b\r\n\r\nnothing';
    expect(read('b', body)).toEqual([
      { headers: { 'content-type': 'application/dicom', 'x-long': 'one two' }, body: Buffer.from('first') },
      { headers: {}, body: Buffer.from('second') },
      { headers: { a: '1' }, body: Buffer.alloc(0) },
    ]);
  });

  it('keeps what only looks like a delimiter', () => {
    const traps = [
      '\r\n--bc',
      '\r\n--b -',
      '\r\n--b\n',
      '--b',
      '\r\n-',
      '\r\n--',
      '\r',
      '\r\r\n--B\r\n',
      '\n--b--',
      `\r\n--b${' '.repeat(200)}\r\n`,
      '\r\n--b-',
    ];
    const body = traps.map((trap) => `--b\r\n\r\n${trap}x${trap}\r\n`).join('');
    for (const size of [1, 2, 3, 7, Infinity])
      expect(texts(read('b', `${body}--b--`, [size]))).toEqual(traps.map((trap) => `${trap}x${trap}`));
  });

  it.each([
    ['no close delimiter', '--b\r\n\r\ncontent\r\n--b\r\n'],
    ['a close delimiter cut short', '--b\r\n\r\ncontent\r\n--b-'],
    ['a header without end', '--b\r\nContent-Type: x'],
    ['another boundary', '--c\r\n\r\ncontent\r\n--c--'],
    ['a header that is none', '--b\r\nno field\r\n\r\ncontent\r\n--b--'],
    ['a header too long', `--b\r\nA: ${'x'.repeat(MAX_PART_HEADER_BYTES)}\r\n\r\ncontent\r\n--b--`],
    ['no end of its preamble', 'x'.repeat(100_000)],
    ['nothing', ''],
  ])('is refused with %s', (_what, body) => {
    for (const size of [1, 100, Infinity]) expect(() => read('b', body, [size])).toThrow(MultipartError);
  });

  it.each(['', ' ', 'a ', 'a\r\n', 'ä', 'x'.repeat(201)])('is refused with the boundary %j', (boundary) => {
    expect(() => new MultipartTokenizer(boundary)).toThrow(MultipartError);
  });

  it('comes out as it went in, however it is split', () => {
    const boundary = fc.constantFrom('b', 'a-b', '--', '\\', "it's (odd)?", 'x'.repeat(70));
    // Pieces of delimiters and line ends, in any order, and noise.
    const content = (name: string): fc.Arbitrary<string> =>
      fc
        .array(
          fc.oneof(
            fc.constantFrom('\r', '\n', '-', '--', '\r\n--', name, `\r\n--${name.slice(0, -1)}`, ' '),
            fc.string({ unit: 'binary', maxLength: 5 }),
          ),
          { maxLength: 12 },
        )
        .map((pieces) => pieces.join(''))
        .filter((text) => !hasDelimiter(text, name));
    const input = boundary.chain((name) =>
      fc.record({
        name: fc.constant(name),
        contents: fc.array(content(name), { minLength: 1, maxLength: 5 }),
        sizes: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }),
      }),
    );
    fc.assert(
      fc.property(input, ({ name, contents, sizes }) => {
        const bodies = contents.map((text) => Buffer.from(text));
        const whole = Buffer.concat([
          ...bodies.flatMap((body) => [
            Buffer.from(`--${name}\r\nContent-Type: a/b\r\n\r\n`),
            body,
            Buffer.from('\r\n'),
          ]),
          Buffer.from(`--${name}--\r\n`),
        ]);
        expect(read(name, whole, sizes).map(({ body }) => body)).toEqual(bodies);
      }),
      { numRuns: 1000 },
    );
  });

  it('ends in parts or a refusal, whatever the bytes are', () => {
    const piece = fc.oneof(
      fc.constantFrom('\r\n', '--b', '--', ':', 'A: 1', ' '),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), (pieces, size) => {
        const outcome = (sizes: readonly number[]): unknown => {
          try {
            return read('b', pieces.join(''), sizes);
          } catch (error) {
            if (error instanceof MultipartError) return error.message;
            throw error;
          }
        };
        expect(outcome([size])).toEqual(outcome([Infinity]));
      }),
      { numRuns: 2000 },
    );
  });
});

/** Whether a delimiter stands in the content or begins where it ends. */
function hasDelimiter(text: string, boundary: string): boolean {
  const escaped = boundary.replace(/[^\w]/g, '\\$&');
  return new RegExp(`\\r\\n--${escaped}(?:--|[ \\t]{0,128}(?:\\r\\n|$|\\r$))|\\r\\n--${escaped}-?$`).test(
    `${text}\r\n`,
  );
}
