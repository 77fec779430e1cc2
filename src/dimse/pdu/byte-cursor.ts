import { PduError } from './types.ts';

/** Reads big endian fields one after the other and never past the end it was given. */
export class ByteCursor {
  readonly #bytes: Buffer;
  readonly #end: number;
  #offset: number;

  /** @param end offset behind the last byte that may be read. */
  constructor(bytes: Buffer, offset = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** @param field name for the error. @throws PduError where fewer than `length` bytes are left. */
  #advance(length: number, field: string): number {
    if (length > this.remaining) {
      throw new PduError(
        'invalid-PDU-parameter-value',
        `${field} needs ${length} bytes where ${this.remaining} are left`,
      );
    }
    const at = this.#offset;
    this.#offset += length;
    return at;
  }

  uint8(field: string): number {
    return this.#bytes.readUInt8(this.#advance(1, field));
  }
  uint16(field: string): number {
    return this.#bytes.readUInt16BE(this.#advance(2, field));
  }
  uint32(field: string): number {
    return this.#bytes.readUInt32BE(this.#advance(4, field));
  }
  skip(length: number, field: string): void {
    this.#advance(length, field);
  }
  /** The next bytes, not copied. */
  bytes(length: number, field: string): Buffer {
    const at = this.#advance(length, field);
    return this.#bytes.subarray(at, at + length);
  }
  /** The next bytes as ISO 646 text, as they stand. */
  text(length: number, field: string): string {
    const at = this.#advance(length, field);
    return this.#bytes.toString('latin1', at, at + length);
  }
  /** The next bytes as a UID or name, without the padding that some devices add. */
  uid(length: number, field: string): string {
    return this.text(length, field).replace(/[\0 ]+$/, '');
  }
  /** A cursor over the next bytes, for an item's own fields. */
  nested(length: number, field: string): ByteCursor {
    const at = this.#advance(length, field);
    return new ByteCursor(this.#bytes, at, at + length);
  }
}
