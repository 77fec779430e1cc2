import { connect } from 'node:net';

const HANG_MS = 20_000;

export interface RawRequest {
  readonly method: string;
  /** As it stands in the request line. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: Buffer;
}

/**
 * Sends one HTTP/1.1 request as it stands, which `fetch` would put right first.
 * @returns its status; undefined where the server closed without an answer.
 * @throws Error where it neither answers nor closes.
 */
export function sendRaw(port: number, request: RawRequest): Promise<number | undefined> {
  const { method, target, headers, body = Buffer.alloc(0) } = request;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    ...(body.length > 0 ? [`Content-Length: ${body.length}`] : []),
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const guard = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end within ${HANG_MS} ms`));
    }, HANG_MS);
    let head = '';
    socket.on('data', (chunk: Buffer) => {
      if (head.length < 64) head += chunk.toString('latin1', 0, 64);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(guard);
      const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(head) ?? [];
      resolve(status === undefined ? undefined : Number(status));
    });
    socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]));
  });
}
