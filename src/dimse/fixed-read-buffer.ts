import { Socket } from 'node:net';

/** For the request of an Association, and all that small messages need. */
const FIRST_BUFFER_BYTES = 16 * 1024;
/** As much as the kernel mostly has ready at once while a large object comes in. */
const READ_BUFFER_BYTES = 256 * 1024;
/** What a connection has to have sent before it gets the large buffer: thousands may wait that never send. */
const LARGE_AFTER_BYTES = 64 * 1024;

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
 * Makes an accepted socket read into a buffer of its own instead of a new one per read: at a few hundred megabytes per
 * second fresh read buffers make V8 collect all garbage every 64 MB, which costs more than the receiving itself.
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
  let buffer = Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES);
  let received = 0;
  const options = {
    handle,
    allowHalfOpen: true,
    onread: {
      // Also called while the socket is being constructed, so it must not refer to it.
      buffer(): Uint8Array {
        if (buffer.length < READ_BUFFER_BYTES && received > LARGE_AFTER_BYTES) {
          buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
        }
        return buffer;
      },
      callback(bytes: number, filled: Uint8Array): boolean {
        received += bytes;
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
