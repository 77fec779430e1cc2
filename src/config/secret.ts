import { inspect } from 'node:util';

/**
 * A value that must not be seen by accident: JSON, string conversion and `inspect` print `[secret]`. Only
 * {@link Secret.reveal} gives it away, so that every use can be found.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. */
  reveal(): string {
    return this.#value;
  }

  toJSON(): string {
    return '[secret]';
  }

  toString(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
