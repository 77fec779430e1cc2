const FIRST_CAPACITY = 64 * 1024;

/**
 * Puts long JSON together in one buffer: text of a few megabytes that is first joined and then encoded would be gone
 * through three times.
 */
export class JsonWriter {
  #bytes: Buffer;
  #length = 0;

  /** @param expected bytes that are likely to come; it grows if there are more. */
  constructor(expected = FIRST_CAPACITY) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(expected, FIRST_CAPACITY));
  }

  /** Adds any text. */
  text(text: string): this {
    return this.bytes(Buffer.from(text));
  }

  /** Adds characters of ASCII, such as UIDs and numbers: one byte each, so that nobody has to look. */
  ascii(text: string): this {
    this.#reserve(text.length);
    this.#length += this.#bytes.write(text, this.#length, 'latin1');
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** What was written; nothing may be added after. */
  take(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
