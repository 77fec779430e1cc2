import { Socket } from 'node:net';

/** As much as the kernel mostly has ready at once while a large object comes in. */
const SHARED_BUFFER_BYTES = 256 * 1024;
/** Of a connection's own: thousands may wait that never send. */
const OWN_BUFFER_BYTES = 64 * 1024;

/**
 * Memory that sockets read into. Where the system is asked for bytes when they are there, each read is over before the
 * next begins, whatever socket it is of, so all of them share one buffer, which stays in the processor's cache. Windows
 * is told beforehand where to put what comes, so there each connection has its own.
 */
const nextReadBuffer: () => Buffer = process.platform === 'win32' ? ownBuffer : sharedBuffer;
let shared: Buffer | undefined;

function sharedBuffer(): Buffer {
  shared ??= Buffer.allocUnsafeSlow(SHARED_BUFFER_BYTES);
  return shared;
}

function ownBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(OWN_BUFFER_BYTES);
}

/** The part of Node's TCP handle that shows it can be moved to another socket object. */
interface TcpHandle {
  readonly readStart: () => number;
  readonly useUserBuffer: (buffer: Uint8Array) => void;
}

/** Node's own fields of a socket that a server accepted. */
interface AcceptedSocket {
  _handle?: TcpHandle | null;
  _server?: unknown;
}

/**
 * Makes an accepted socket read into one buffer instead of a new one per read: at a few hundred megabytes per second
 * fresh read buffers make V8 collect all garbage every 64 MB, which costs more than the receiving itself.
 *
 * `onread` is a documented option of `net.Socket`, but net.Server has no way to pass it on; so the handle moves from
 * the socket that the server made to one made with the option. Where Node's inside looks different, the socket stays
 * as it is: slower, and otherwise the same.
 *
 * @param accepted just accepted and not read from: the server has `pauseOnConnect`.
 * @returns a flowing socket that emits `data` as usual, except that the memory of a chunk is used again as soon as the
 * listeners have returned.
 */
export function readIntoFixedBuffer(accepted: Socket): Socket {
  const holder = accepted as unknown as AcceptedSocket;
  const handle = holder._handle;
  if (typeof handle?.readStart !== 'function' || typeof handle.useUserBuffer !== 'function') {
    accepted.resume();
    return accepted;
  }
  const options = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: nextReadBuffer(),
      callback(bytes: number, filled: Uint8Array): boolean {
        socket.emit('data', (filled as Buffer).subarray(0, bytes));
        return !socket.isPaused();
      },
    },
  };
  holder._handle = null;
  const socket: Socket = new Socket(options);
  // The server counts the connection by the socket that closes: that is the new one now.
  (socket as unknown as AcceptedSocket)._server = holder._server;
  holder._server = null;
  accepted.destroy();
  socket.resume();
  return socket;
}
