import { execFile } from 'node:child_process';
import { endianness } from 'node:os';

/** Linux: socket(2), unix(7), send(2). */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** Length of `sun_path` in `struct sockaddr_un`. */
const MAX_PATH_BYTES = 108;
const COMMAND_TIMEOUT_MS = 5000;

/** Fields of a message to the service manager, as sd_notify(3) names them. */
export type ServiceMessage = Readonly<
  Partial<
    Record<'READY' | 'RELOADING' | 'STOPPING' | 'WATCHDOG' | 'STATUS', string> &
      Record<'EXTEND_TIMEOUT_USEC' | 'MONOTONIC_USEC', string>
  >
>;

/** Tells the service manager (systemd) how the process is doing: the protocol of sd_notify(3). */
export interface ServiceNotifier {
  /** How the messages travel; `none`: no manager asked for any. */
  readonly transport: 'socket' | 'command' | 'none';
  /** The manager ends the process when it hears no `WATCHDOG=1` for so long; undefined: it does not. */
  readonly watchdogMs: number | undefined;
  /** @throws Error where the message could not be handed over. */
  send(message: ServiceMessage): Promise<void>;
}

export interface ServiceNotifierOptions {
  /** `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
}

/**
 * Opens the way to the manager that `NOTIFY_SOCKET` names. Node has no datagram sockets of the Unix domain: they are
 * reached through koffi, an optional dependency; where that is missing, systemd's own `systemd-notify` carries the
 * messages, which takes a process for each and `NotifyAccess=all` in the unit.
 */
export async function openServiceNotifier({ env, pid }: ServiceNotifierOptions): Promise<ServiceNotifier> {
  const address = env.NOTIFY_SOCKET ?? '';
  if (address === '') return { transport: 'none', watchdogMs: undefined, send: () => Promise.resolve() };
  const destination = encodeSocketAddress(address);
  const sendBytes = await loadDatagramSender();
  const watchdogMs = watchdogOf(env, pid);
  if (sendBytes === undefined)
    return { transport: 'command', watchdogMs, send: (message) => sendByCommand(message, env) };
  return {
    transport: 'socket',
    watchdogMs,
    send(message) {
      const code = sendBytes(destination, Buffer.from(messageText(message)));
      return code === 0
        ? Promise.resolve()
        : Promise.reject(new Error(`cannot notify the service manager at ${address} (errno ${code})`));
    },
  };
}

/** Who would carry a message from here: this process, a helper process (`systemd-notify`), or nobody. */
export async function canNotify(): Promise<'main' | 'helper' | undefined> {
  if ((await loadDatagramSender()) !== undefined) return 'main';
  return new Promise((resolve) => {
    execFile('systemd-notify', ['--version'], { timeout: COMMAND_TIMEOUT_MS }, (error) =>
      resolve(error === null ? 'helper' : undefined),
    );
  });
}

/** One field a line. Line ends inside a value would begin a field of their own. */
function messageText(message: ServiceMessage): string {
  return Object.entries(message)
    .map(([name, value]) => `${name}=${value.replace(/[\r\n]+/g, ' ')}\n`)
    .join('');
}

/** `WATCHDOG_PID` keeps children from feeding a watchdog that is not theirs. */
function watchdogOf(env: ServiceNotifierOptions['env'], pid: number): number | undefined {
  const microseconds = Number(env.WATCHDOG_USEC ?? '');
  const isForUs = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === pid;
  return isForUs && microseconds > 0 ? microseconds / 1000 : undefined;
}

/** `struct sockaddr_un`; a leading `@` stands for the abstract namespace. @throws Error */
function encodeSocketAddress(address: string): Buffer {
  const isAbstract = address.startsWith('@');
  const path = Buffer.from(isAbstract ? `\0${address.slice(1)}` : `${address}\0`);
  if (path.length > MAX_PATH_BYTES || !/^[@/]/.test(address))
    throw new Error(`NOTIFY_SOCKET is no address of a Unix socket: ${address}`);
  const family = Buffer.alloc(2);
  if (endianness() === 'LE') family.writeUInt16LE(AF_UNIX);
  else family.writeUInt16BE(AF_UNIX);
  return Buffer.concat([family, path]);
}

/** Sends one datagram. @returns 0, or the error number. */
type DatagramSender = (destination: Buffer, message: Buffer) => number;

async function loadDatagramSender(): Promise<DatagramSender | undefined> {
  if (process.platform !== 'linux') return undefined;
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load(null);
    const socket = library.func('int socket(int domain, int type, int protocol)') as (
      domain: number,
      type: number,
      protocol: number,
    ) => number;
    const sendTo = library.func(
      'intptr_t sendto(int fd, const uint8_t *message, size_t length, int flags, const uint8_t *address, uint32_t addressLength)',
    ) as (
      fd: number,
      message: Buffer,
      length: number,
      flags: number,
      address: Buffer,
      addressLength: number,
    ) => number;
    const close = library.func('int close(int fd)') as (fd: number) => number;
    return (destination, message) => {
      const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      if (fd < 0) return koffi.errno();
      try {
        const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
        const sent = sendTo(fd, message, message.length, flags, destination, destination.length);
        return sent < 0 ? koffi.errno() : 0;
      } finally {
        close(fd);
      }
    };
  } catch {
    return undefined;
  }
}

function sendByCommand(message: ServiceMessage, env: ServiceNotifierOptions['env']): Promise<void> {
  const fields = messageText(message).trimEnd().split('\n');
  const { NOTIFY_SOCKET, PATH } = env;
  return new Promise((resolve, reject) => {
    execFile(
      'systemd-notify',
      fields,
      { timeout: COMMAND_TIMEOUT_MS, env: { NOTIFY_SOCKET, PATH } },
      (error) => {
        if (error === null) resolve();
        else reject(new Error('systemd-notify failed', { cause: error }));
      },
    );
  });
}
