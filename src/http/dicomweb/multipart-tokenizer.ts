import { Buffer } from 'node:buffer';

/** What a multipart body consists of, in the order of its bytes (RFC 2046 5.1). */
export type MultipartEvent =
  /** Header fields by lower-case name; of a repeated one the last. */
  | { readonly kind: 'part'; readonly headers: ReadonlyMap<string, string> }
  /** Content of the part, a piece of the chunk that was pushed. */
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'part-end' }
  /** The close delimiter: whatever follows means nothing. */
  | { readonly kind: 'end' };

/** A body that is not multipart as announced. The message is for people and holds nothing of the body. */
export class MultipartError extends Error {
  override readonly name = 'MultipartError';
}

/** Bound on the header of one part, in bytes. */
export const MAX_PART_HEADER_BYTES = 16 * 1024;
/** Text before the first part; nobody sends more than a line of it. */
const MAX_PREAMBLE_BYTES = 64 * 1024;
/** White space between a boundary and the end of its line. */
const MAX_PADDING_BYTES = 128;
const MAX_BOUNDARY_LENGTH = 200;

const CRLF = Buffer.from('\r\n');
const END_OF_HEADER = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);
const HEADER_LINE = /^([\w!#$%&'*+.^`|~-]+)[ \t]*:[ \t]*(.*?)[ \t]*$/;

/**
 * Takes a multipart body apart while its bytes pass by, split anywhere. Holds back no more than a header or what may
 * turn out to be a delimiter.
 */
export class MultipartTokenizer {
  readonly #delimiter: Buffer;
  #state: 'preamble' | 'header' | 'data' | 'epilogue' = 'preamble';
  /** The first delimiter may stand at the very beginning, as if a line had ended before. */
  #carry: Buffer = CRLF;
  #preambleBytes = 0;
  #fault: MultipartError | undefined;

  /** @throws MultipartError for a boundary that none can be. */
  constructor(boundary: string) {
    if (boundary.length > MAX_BOUNDARY_LENGTH || !/^[\x20-\x7e]*[\x21-\x7e]$/.test(boundary))
      throw new MultipartError('The boundary parameter of the Content-Type is missing or not usable.');
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  /** @throws MultipartError, from then on each time; what comes before the fault is given first. */
  push(chunk: Buffer): readonly MultipartEvent[] {
    const events: MultipartEvent[] = [];
    try {
      this.#read(chunk, events);
    } catch (error) {
      if (!(error instanceof MultipartError)) throw error;
      this.#fault = error;
      if (events.length === 0) throw error;
    }
    return events;
  }

  #read(chunk: Buffer, events: MultipartEvent[]): void {
    if (this.#fault !== undefined) throw this.#fault;
    let input = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    this.#carry = EMPTY;
    while (input.length > 0) {
      const used = this.#step(input, events);
      if (used === 0) {
        this.#carry = input;
        break;
      }
      input = input.subarray(used);
    }
  }

  /** The body is at its end. @throws MultipartError where it should go on. */
  end(): void {
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#state !== 'epilogue')
      throw new MultipartError(
        this.#state === 'preamble'
          ? 'The body has no part: the boundary of the Content-Type is not in it.'
          : 'The body ends before its close delimiter.',
      );
  }

  /** @returns bytes used; 0: more are needed. */
  #step(input: Buffer, events: MultipartEvent[]): number {
    switch (this.#state) {
      case 'preamble':
      case 'data':
        return this.#content(input, events);
      case 'header':
        return this.#header(input, events);
      case 'epilogue':
        return input.length;
    }
  }

  #content(input: Buffer, events: MultipartEvent[]): number {
    const delimiter = this.#delimiter;
    const at = input.indexOf(delimiter);
    if (at !== 0) return this.#pass(input, at > 0 ? at : input.length - heldBack(input, delimiter), events);
    const after = afterDelimiter(input, delimiter.length);
    if (after === undefined) return 0;
    // Something else begins with the same characters.
    if (after.kind === 'none') return this.#pass(input, delimiter.length, events);
    if (this.#state === 'data') events.push({ kind: 'part-end' });
    if (after.kind === 'close') {
      events.push({ kind: 'end' });
      this.#state = 'epilogue';
      return input.length;
    }
    this.#state = 'header';
    // The line end stays: a header without fields is two of them.
    return delimiter.length + after.padding;
  }

  #pass(input: Buffer, bytes: number, events: MultipartEvent[]): number {
    if (this.#state === 'data') {
      if (bytes > 0) events.push({ kind: 'data', bytes: input.subarray(0, bytes) });
      return bytes;
    }
    this.#preambleBytes += bytes;
    if (this.#preambleBytes > MAX_PREAMBLE_BYTES)
      throw new MultipartError('The boundary of the Content-Type is not at the start of the body.');
    return bytes;
  }

  #header(input: Buffer, events: MultipartEvent[]): number {
    const end = input.indexOf(END_OF_HEADER);
    if (end > MAX_PART_HEADER_BYTES || (end < 0 && input.length > MAX_PART_HEADER_BYTES))
      throw new MultipartError(`The header of a part is longer than ${MAX_PART_HEADER_BYTES} bytes.`);
    if (end < 0) return 0;
    events.push({ kind: 'part', headers: parseHeader(input.toString('latin1', CRLF.length, end)) });
    this.#state = 'data';
    return end + END_OF_HEADER.length;
  }
}

/** What stands behind the delimiter: `padding` bytes of white space, then a line end, or nothing that makes it one. */
type AfterDelimiter =
  | { readonly kind: 'part'; readonly padding: number }
  | { readonly kind: 'close' }
  | { readonly kind: 'none' };

/** @returns undefined where more bytes are needed to tell. */
function afterDelimiter(input: Buffer, from: number): AfterDelimiter | undefined {
  if (input.toString('latin1', from, from + 2) === '--') return { kind: 'close' };
  if (input.length - from < 2 && (input.length === from || input[from] === 0x2d)) return undefined;
  let at = from;
  while (at < input.length && at - from < MAX_PADDING_BYTES && (input[at] === 0x20 || input[at] === 0x09))
    at += 1;
  const end = input.toString('latin1', at, at + 2);
  if (end === '\r\n') return { kind: 'part', padding: at - from };
  return end === '' || end === '\r' ? undefined : { kind: 'none' };
}

/** How many bytes at the end may be the beginning of a delimiter. */
function heldBack(input: Buffer, delimiter: Buffer): number {
  for (let at = Math.max(0, input.length - delimiter.length + 1); ; at++) {
    at = input.indexOf(0x0d, at);
    if (at < 0) return 0;
    const tail = input.length - at;
    if (input.compare(delimiter, 0, tail, at) === 0) return tail;
  }
}

function parseHeader(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (text === '') return fields;
  // A line that begins with white space goes on with the one before (RFC 5322 2.2.3).
  for (const line of text.replace(/\r\n[ \t]+/g, ' ').split('\r\n')) {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw new MultipartError('A line in the header of a part is no header field.');
    fields.set(name.toLowerCase(), value);
  }
  return fields;
}
