import { Socket } from 'node:net';

import type { CachedFiles } from './cached-file.ts';

/** Linux, the same number on nearly every architecture: cachestat(2), since Linux 6.5. */
const SYS_CACHESTAT = 451;
const [EINTR, EBADF, EAGAIN, EPIPE, ECONNRESET] = [4, 9, 11, 32, 104];
/** Where `off_t` and `long` have 64 bits. */
const ARCHITECTURES: ReadonlySet<string> = new Set(['x64', 'arm64', 'ppc64', 's390x', 'riscv64', 'loong64']);

type CacheStat = (
  call: number,
  fd: number,
  range: BigUint64Array,
  stat: BigUint64Array,
  flags: number,
) => number;
type Send = (socket: number, file: number, offset: BigInt64Array, length: number) => number;

/** Why the operating system cannot send files by itself here. */
export interface SendFileUnavailable {
  readonly kind: 'unavailable';
  readonly reason: string;
}

/**
 * Has the operating system send bytes of files from its memory, without copying them through this process. Only over
 * plain TCP, only what is in memory, and only past an empty write queue: bytes that Node.js still holds back would be
 * overtaken.
 */
export interface SendFile {
  readonly kind: 'available';
  /**
   * Whether bytes of a file can go over a connection that way now.
   * @param fd from {@link CachedFiles.open}.
   */
  isReady(socket: Socket, fd: number, position: number, length: number): boolean;
  /**
   * Sends what the connection has room for. Ask {@link isReady} first.
   * @returns bytes sent. Fewer than `length`, or 0: send what follows in the usual way, which may wait, or will fail
   * for the same reason.
   */
  send(socket: Socket, fd: number, position: number, length: number): number;
}

/** Reaches `sendfile` and `cachestat` through koffi, an optional dependency. */
export async function loadSendFile(files: CachedFiles): Promise<SendFile | SendFileUnavailable> {
  if (process.platform !== 'linux') return { kind: 'unavailable', reason: `not on ${process.platform}` };
  if (!ARCHITECTURES.has(process.arch)) return { kind: 'unavailable', reason: `not on ${process.arch}` };
  const range = new BigUint64Array(2);
  const stat = new BigUint64Array(5);
  let cacheStat: CacheStat;
  let sendFile: Send;
  let errno: () => number;
  let pageBytes: number;
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load(null);
    cacheStat = library.func(
      'long syscall(long call, int fd, const uint64_t *range, uint64_t *stat, unsigned int flags)',
    ) as CacheStat;
    sendFile = library.func('int64_t sendfile(int socket, int file, int64_t *offset, size_t length)') as Send;
    pageBytes = (library.func('int getpagesize()') as () => number)();
    errno = () => koffi.errno();
    cacheStat(SYS_CACHESTAT, -1, range, stat, 0);
    if (errno() !== EBADF)
      return { kind: 'unavailable', reason: 'this kernel, or a sandbox, has no cachestat (Linux 6.5)' };
  } catch (error) {
    return {
      kind: 'unavailable',
      reason: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
    };
  }
  const offset = new BigInt64Array(1);
  const probe = Buffer.alloc(1);
  let canSend = true;
  return {
    kind: 'available',
    isReady(socket, fd, position, length) {
      if (!canSend || length === 0 || plainDescriptorOf(socket) < 0) return false;
      const last = position + length - 1;
      const pages = Math.floor(last / pageBytes) - Math.floor(position / pageBytes) + 1;
      range[0] = BigInt(position);
      range[1] = BigInt(length);
      if (cacheStat(SYS_CACHESTAT, fd, range, stat, 0) !== 0 || Number(stat[0]) < pages) return false;
      // Also tells a file that was cut, bytes still on their way from the disk, and file systems that may wait anyway.
      return files.read(fd, probe, last) === 1;
    },
    send(socket, fd, position, length) {
      const target = plainDescriptorOf(socket);
      if (target < 0 || !isWriteQueueEmpty(socket)) return 0;
      offset[0] = BigInt(position);
      const sent = sendFile(target, fd, offset, length);
      if (sent >= 0) return sent;
      canSend = [EAGAIN, EINTR, EPIPE, ECONNRESET].includes(errno());
      return 0;
    },
  };
}

interface Handle {
  readonly fd?: unknown;
  readonly writeQueueSize?: unknown;
}

function handleOf(socket: Socket): Handle | null | undefined {
  return (socket as unknown as { _handle?: Handle | null })._handle;
}

/** The file descriptor of a plain TCP socket; -1 for any other, TLS above all. Node keeps it on its internal handle. */
function plainDescriptorOf(socket: Socket): number {
  // A TLS socket has the descriptor of the connection below it, and is of a class of its own.
  if (Object.getPrototypeOf(socket) !== Socket.prototype || socket.destroyed) return -1;
  const handle = handleOf(socket);
  if (handle?.constructor.name !== 'TCP') return -1;
  return typeof handle.fd === 'number' && typeof handle.writeQueueSize === 'number' ? handle.fd : -1;
}

/** Whether the operating system has all that was written to a socket. */
function isWriteQueueEmpty(socket: Socket): boolean {
  return socket.writableLength === 0 && handleOf(socket)?.writeQueueSize === 0;
}
