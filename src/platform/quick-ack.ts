import type { Socket } from 'node:net';

/** Linux: level IPPROTO_TCP, option TCP_QUICKACK (tcp(7)). */
const IPPROTO_TCP = 6;
const TCP_QUICKACK = 12;

type SetSocketOption = (
  fd: number,
  level: number,
  option: number,
  value: Int32Array,
  length: number,
) => number;

/** Why quick acknowledgement is not to be had here. */
export interface QuickAckUnavailable {
  readonly kind: 'unavailable';
  readonly reason: string;
}

export interface QuickAck {
  readonly kind: 'available';
  /**
   * Asks the kernel to acknowledge what has arrived at once. It forgets the wish by itself, so it is asked again after
   * each read. Does nothing on a closed socket.
   */
  arm(socket: Socket): void;
}

/**
 * TCP_QUICKACK for accepted sockets. A sender with Nagle's algorithm on (DCMTK's and many modalities' default) holds its
 * Data Set back until the command before it is acknowledged, and the kernel delays that acknowledgement by 40 ms;
 * quick acknowledgement takes the wait away. Node has no call for it, so `setsockopt` is reached through koffi, an
 * optional dependency.
 */
export async function loadQuickAck(): Promise<QuickAck | QuickAckUnavailable> {
  if (process.platform !== 'linux') return { kind: 'unavailable', reason: `not on ${process.platform}` };
  let setSocketOption: SetSocketOption;
  try {
    const { default: koffi } = await import('koffi');
    // Without a path: the C library that this process runs on anyway, glibc or musl.
    setSocketOption = koffi
      .load(null)
      .func(
        'int setsockopt(int fd, int level, int option, const int32_t *value, uint32_t length)',
      ) as SetSocketOption;
  } catch (error) {
    return {
      kind: 'unavailable',
      reason: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
    };
  }
  const on = Int32Array.of(1);
  return {
    kind: 'available',
    arm(socket) {
      const fd = descriptorOf(socket);
      // A refusal (another kernel, a socket just gone) costs only speed.
      if (fd >= 0) setSocketOption(fd, IPPROTO_TCP, TCP_QUICKACK, on, on.byteLength);
    },
  };
}

/** The file descriptor below a TCP or TLS socket; -1 where there is none. Node keeps it on its internal handle. */
function descriptorOf(socket: Socket): number {
  const handle = (socket as unknown as { _handle?: { fd?: unknown; _parentWrap?: unknown } | null })._handle;
  return typeof handle?.fd === 'number' ? handle.fd : -1;
}
