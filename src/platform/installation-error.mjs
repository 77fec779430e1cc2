// @ts-check

/** The program cannot run as it was installed. The message says what is wrong, the hint what to do. */
export class InstallationError extends Error {
  /** @param {string} message @param {{ hint: string, cause?: unknown }} options */
  constructor(message, { hint, cause }) {
    super(message, { cause });
    this.name = 'InstallationError';
    this.hint = hint;
  }
}
