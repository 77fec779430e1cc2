import type { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { OpenedInstance } from '../core/ports/instance-store.ts';
import type { SendFile } from '../platform/send-file.ts';
import { LARGE_BUFFER_BYTES } from './buffer-pool.ts';
import type { BufferPool, PooledBuffer } from './buffer-pool.ts';
import { addSentBytes } from './sent-bytes.ts';

/** Bytes of known length that can be read at any place: an opened file, a frame of one. */
export interface SendableContent {
  readonly bytes: number;
  /** Reads into `target`; @returns bytes read, 0 at the end. */
  read(target: Buffer, position: number): Promise<number>;
  /** Where the operating system has these bytes one after the other, and can send them without reading them out. */
  readonly file?: { readonly descriptor: number; readonly position: number } | undefined;
}

/** Part of an opened object, to be sent as it is. */
export function objectContent(opened: OpenedInstance, start = 0, bytes = opened.bytes): SendableContent {
  const { descriptor } = opened;
  return {
    bytes,
    read: (target, position) => opened.read(target, start + position),
    file: descriptor === undefined ? undefined : { descriptor, position: start },
  };
}

/** Part of an opened object as it can be read. @param offset of its first byte in the file, if all stand there as they are. */
export function partContent(
  { descriptor }: OpenedInstance,
  { bytes, read, offset }: Pick<SendableContent, 'bytes' | 'read'> & { readonly offset?: number | undefined },
): SendableContent {
  const isInFile = descriptor !== undefined && offset !== undefined;
  return { bytes, read, file: isInFile ? { descriptor, position: offset } : undefined };
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
  /** Without it, every byte is copied through a buffer. */
  readonly sendFile?: SendFile | undefined;
  /** Called once, when the first bytes are on their way. */
  readonly onStarted?: (() => void) | undefined;
}

/** Smaller pieces are copied sooner than the operating system is asked to send them. */
const MIN_SENT_BY_SYSTEM = 32_768;
/** Sent at once, in well under a millisecond. */
const MAX_SENT_BY_SYSTEM = 1_048_576;
/** Written to a connection that has no room, to learn when it has room again. */
const WAITING_PIECE_BYTES = 65_536;

/**
 * Writes a response of any length from files: gathers what follows each other, part headers and small files included,
 * in pooled buffers, and fills one while the other is being written. What is in memory and long enough is sent by the
 * operating system instead, where it can. The head goes out with the first bytes of the body, so that what fails before
 * can still be answered properly. Either {@link end} or {@link abandon} must be called.
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
    const { bytes } = content;
    for (let at = 0; at < bytes;) {
      const sent = this.#isFileReady(content, at) ? await this.#sendFile(content, at) : undefined;
      if (sent !== undefined) {
        at += sent;
        this.#bytes += sent;
        if (at === bytes) return;
        if (sent === MAX_SENT_BY_SYSTEM) {
          await nextTurn();
          continue;
        }
      }
      // A connection that takes no more gets one small piece, and says when that is through.
      const most = sent === undefined ? bytes - at : Math.min(bytes - at, WAITING_PIECE_BYTES);
      const space = await this.#space(most, sent !== undefined);
      const read = await content.read(space.subarray(0, most), at);
      if (read === 0) throw new ShortContentError(`the content ends at byte ${at} of ${bytes}`);
      at += read;
      this.#advance(read);
      if (sent !== undefined) await this.#flush(false);
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

  #isFileReady({ bytes, file }: SendableContent, at: number): boolean {
    const { outgoing, socket, headers, sendFile } = this.#options;
    const length = Math.min(bytes - at, MAX_SENT_BY_SYSTEM);
    if (sendFile === undefined || file === undefined || length < MIN_SENT_BY_SYSTEM) return false;
    // While an earlier response is being sent over the connection (pipelining), this one is not its turn.
    if (outgoing.socket !== socket || headers['Content-Length'] === undefined) return false;
    return sendFile.isReady(socket, file.descriptor, file.position + at, length);
  }

  /** @returns bytes sent; fewer than there are where the connection has no room, or not that way. */
  async #sendFile({ bytes, file }: SendableContent, at: number): Promise<number> {
    const { outgoing, socket, status, headers, sendFile, onStarted } = this.#options;
    if (sendFile === undefined || file === undefined) return 0;
    const length = Math.min(bytes - at, MAX_SENT_BY_SYSTEM);
    const isFirst = !outgoing.headersSent && this.#filled === 0;
    if (isFirst) {
      // At once, where the write of a first piece would wait for the end of this turn.
      outgoing.writeHead(status, headers);
      outgoing.flushHeaders();
    } else if (this.#filled > 0) await this.#flush(false);
    if (!(await this.#written) || socket.destroyed) throw new ClientGoneError('the connection was closed');
    const sent = sendFile.send(socket, file.descriptor, file.position + at, length);
    addSentBytes(socket, sent);
    if (isFirst) onStarted?.();
    return sent;
  }

  /** Free space of the buffer, at least one byte. @param isAlone nothing else will follow in the same buffer. */
  async #space(wanted: number, isAlone = false): Promise<Buffer> {
    if (this.#buffer !== undefined && this.#filled === this.#buffer.bytes.length) await this.#flush(false);
    if (this.#options.socket.destroyed) throw new ClientGoneError('the connection was closed');
    // A part header is short and something longer follows it.
    this.#buffer ??= this.#options.pool.take(isAlone ? wanted : Math.max(wanted, LARGE_BUFFER_BYTES));
    return this.#buffer.bytes.subarray(this.#filled);
  }

  async #flush(isLast: boolean): Promise<void> {
    const { outgoing, status, headers, onStarted } = this.#options;
    if (!(await this.#written)) throw new ClientGoneError('the connection was closed');
    const buffer = this.#buffer;
    const bytes = buffer?.bytes.subarray(0, this.#filled);
    this.#buffer = undefined;
    this.#filled = 0;
    const isFirst = !outgoing.headersSent;
    if (isFirst) outgoing.writeHead(status, headers);
    const written = this.#pass(bytes, isLast);
    if (isFirst) onStarted?.();
    this.#written = written.then((isWritten) => {
      // After a cut the kernel may not be through with the buffer.
      if (isWritten) buffer?.release();
      else buffer?.abandon();
      return isWritten;
    });
  }

  /** Resolves once the operating system has the bytes (true), or the connection is gone (false). */
  #pass(bytes: Buffer | undefined, isLast: boolean): Promise<boolean> {
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
      if (!isLast) outgoing.write(bytes, onWritten);
      else if (bytes === undefined) outgoing.end(onWritten);
      else outgoing.end(bytes, onWritten);
    });
  }
}
