import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { LARGE_BUFFER_BYTES } from './buffer-pool.ts';
import type { BufferPool, PooledBuffer } from './buffer-pool.ts';

/** Bytes of known length that can be read at any place: an opened file, a frame of one. */
export interface SendableContent {
  readonly bytes: number;
  /** Reads into `target`; @returns bytes read, 0 at the end. */
  read(target: Buffer, position: number): Promise<number>;
}

/** Bytes in memory as content. */
export function memoryContent(bytes: Uint8Array): SendableContent {
  return {
    bytes: bytes.length,
    read(target, position) {
      const piece = bytes.subarray(position, position + target.length);
      target.set(piece);
      return Promise.resolve(piece.length);
    },
  };
}

/** Content ended before the length that was announced for it. */
export class ShortContentError extends Error {
  override readonly name = 'ShortContentError';
}

/** The connection closed under a response: nobody is left to tell. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

export interface ResponseWriterOptions {
  readonly outgoing: ServerResponse;
  /** The connection, also where the response still waits behind an earlier one (pipelining). */
  readonly socket: Socket;
  readonly pool: BufferPool;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Writes a response of any length from files: gathers what follows each other, part headers and small files included,
 * in pooled buffers, and fills one while the other is being written. The head goes out with the first full buffer, so
 * that what fails before can still be answered properly. Either {@link end} or {@link abandon} must be called.
 */
export class ResponseWriter {
  readonly #options: ResponseWriterOptions;
  /** Resolves to whether the last buffer was written. */
  #written = Promise.resolve(true);
  #buffer: PooledBuffer | undefined;
  #filled = 0;
  #bytes = 0;

  constructor(options: ResponseWriterOptions) {
    this.#options = options;
  }

  /** Bytes of the body that were taken so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws ClientGoneError */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const space = await this.#space(bytes.length - at);
      const piece = bytes.subarray(at, at + space.length);
      space.set(piece);
      at += piece.length;
      this.#advance(piece.length);
    }
  }

  /** @throws ClientGoneError, ShortContentError, or what reading fails with */
  async send(content: SendableContent): Promise<void> {
    for (let at = 0; at < content.bytes;) {
      const space = await this.#space(content.bytes - at);
      const read = await content.read(space.subarray(0, content.bytes - at), at);
      if (read === 0) throw new ShortContentError(`the content ends at byte ${at} of ${content.bytes}`);
      at += read;
      this.#advance(read);
    }
  }

  /** Resolves once the operating system has everything. @throws ClientGoneError */
  async end(): Promise<void> {
    await this.#flush(true);
    if (!(await this.#written)) throw new ClientGoneError('the connection was closed');
  }

  /**
   * Gives up. Where the head is out already, the connection is cut, so that nobody takes what came for the whole.
   * @returns whether the request can still be answered in another way.
   */
  async abandon(): Promise<boolean> {
    const { outgoing, socket } = this.#options;
    const isUnsent = !outgoing.headersSent && !socket.destroyed;
    if (!isUnsent) socket.destroy();
    await this.#written;
    this.#buffer?.release();
    this.#buffer = undefined;
    return isUnsent;
  }

  #advance(bytes: number): void {
    this.#filled += bytes;
    this.#bytes += bytes;
  }

  /** Free space of the buffer, at least one byte. */
  async #space(wanted: number): Promise<Buffer> {
    if (this.#buffer !== undefined && this.#filled === this.#buffer.bytes.length) await this.#flush(false);
    if (this.#options.socket.destroyed) throw new ClientGoneError('the connection was closed');
    // A part header is short and something longer follows it.
    this.#buffer ??= this.#options.pool.take(Math.max(wanted, LARGE_BUFFER_BYTES));
    return this.#buffer.bytes.subarray(this.#filled);
  }

  async #flush(isLast: boolean): Promise<void> {
    const { outgoing, status, headers } = this.#options;
    if (!(await this.#written)) throw new ClientGoneError('the connection was closed');
    const buffer = this.#buffer;
    const bytes = buffer?.bytes.subarray(0, this.#filled) ?? Buffer.alloc(0);
    this.#buffer = undefined;
    this.#filled = 0;
    if (!outgoing.headersSent) outgoing.writeHead(status, headers);
    this.#written = this.#pass(bytes, isLast).then((isWritten) => {
      // After a cut the kernel may not be through with the buffer.
      if (isWritten) buffer?.release();
      else buffer?.abandon();
      return isWritten;
    });
  }

  /** Resolves once the operating system has the bytes (true), or the connection is gone (false). */
  #pass(bytes: Buffer, isLast: boolean): Promise<boolean> {
    const { outgoing, socket } = this.#options;
    return new Promise((resolve) => {
      if (socket.destroyed) {
        resolve(false);
        return;
      }
      const onClose = (): void => resolve(false);
      const onWritten = (error?: Error | null): void => {
        socket.off('close', onClose);
        resolve(!error);
      };
      socket.once('close', onClose);
      if (isLast) outgoing.end(bytes, onWritten);
      else outgoing.write(bytes, onWritten);
    });
  }
}
