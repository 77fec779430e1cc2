/** Bytes that can be read more than once: a file, or a member of an archive. */
export interface ByteSource {
  /**
   * Reads from the first byte on; every call starts anew. The buffers are the reader's to keep.
   * @throws SourceError (while iterating) where the bytes cannot be had.
   */
  read(): AsyncIterable<Buffer>;
}

/** Why the bytes of a source could not be read to their end. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  /**
   * `unreadable`: the file cannot be opened or read, which may pass; `truncated`: they end too soon; `damaged`: they
   * contradict themselves; `too-large`: they unpack to more than is allowed; `encrypted`: they need a password;
   * `unsupported`: they are packed in a way that is not known here.
   */
  readonly code: 'unreadable' | 'truncated' | 'damaged' | 'too-large' | 'encrypted' | 'unsupported';
  constructor(code: SourceError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
