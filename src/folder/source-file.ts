import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

import { type ByteSource, SourceError } from '../core/ports/byte-source.ts';
import { type FileStamp, isUntouched, stampOf } from './file-stamp.ts';
import { systemPath } from './system-path.ts';

const READ_BYTES = 256 * 1024;
const ERRNO = /^E[A-Z0-9]+$/;

/** A regular file opened for reading, tied to what it was at that moment whatever its name comes to mean. */
export class SourceFile implements ByteSource {
  readonly path: string;
  readonly stamp: FileStamp;
  readonly #handle: FileHandle;

  private constructor(filePath: string, handle: FileHandle, stamp: FileStamp) {
    this.path = filePath;
    this.#handle = handle;
    this.stamp = stamp;
  }

  /** @throws SourceError `unreadable`, whose cause has the system's error code; also for what is no regular file. */
  static async open(filePath: string): Promise<SourceFile> {
    let handle: FileHandle | undefined;
    try {
      // Without O_NONBLOCK a FIFO would hold a thread until somebody writes to it.
      handle = await open(
        systemPath(filePath),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
      const stats = await handle.stat();
      if (!stats.isFile()) throw new SourceError('unreadable', 'It is no regular file.');
      return new SourceFile(filePath, handle, stampOf(stats));
    } catch (error) {
      await handle?.close();
      throw sourceError(error);
    }
  }

  get descriptor(): number {
    return this.#handle.fd;
  }

  async *read(): AsyncGenerator<Buffer, void, undefined> {
    const { bytes } = this.stamp;
    for (let position = 0; position < bytes;) {
      const target = Buffer.allocUnsafe(Math.min(READ_BYTES, bytes - position));
      let got: number;
      try {
        ({ bytesRead: got } = await this.#handle.read(target, 0, target.length, position));
      } catch (error) {
        throw sourceError(error);
      }
      // Shorter than it was: the stamp tells, and the reader asks it before anything is kept.
      if (got === 0) return;
      position += got;
      yield got === target.length ? target : target.subarray(0, got);
    }
  }

  /** Whether the file is still what it was when it was opened. A file that cannot be asked any more is not. */
  async isUnchanged(): Promise<boolean> {
    try {
      return isUntouched(stampOf(await this.#handle.stat()), this.stamp);
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Wraps an error of a file call; SourceErrors stay what they are. */
export function sourceError(error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const code = errorCode(error);
  const reasons: Readonly<Record<string, string>> = {
    EACCES: 'This user may not read it.',
    EPERM: 'This user may not read it.',
    ELOOP: 'It is a symbolic link.',
    ENOENT: 'It is gone.',
  };
  return new SourceError('unreadable', reasons[code] ?? `It could not be read (${code}).`, { cause: error });
}

/** The system's code of a failed call, such as `ENOENT`. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && ERRNO.test(code)) return code;
  return error instanceof Error && error.cause !== undefined ? errorCode(error.cause) : 'unknown error';
}
