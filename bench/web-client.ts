/** A process of its own that asks an HTTP server for the same things over and over, and only counts what comes. */
import net from 'node:net';

import type { LoadResult, LoadSpec } from './web-load.ts';

const BUFFER_BYTES = 1024 * 1024;

/** What a connection still expects of the answer that it is reading. */
interface Reading {
  /** Bytes of the body to come; undefined: chunked, until the last chunk. */
  left: number | undefined;
}

function load(spec: LoadSpec): Promise<LoadResult> {
  const { port, paths, headers, clients, durationMs, minRequests } = spec;
  let started = 0;
  let done = 0;
  let bytes = 0;
  let failed = 0;
  const startedAt = performance.now();
  const cpuAtStart = process.cpuUsage();
  const isOver = (): boolean => started >= minRequests && performance.now() - startedAt >= durationMs;

  function connection(): Promise<void> {
    return new Promise((resolve, reject) => {
      let reading: Reading | undefined;
      let head = Buffer.alloc(0);
      const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
      const ask = (): void => {
        if (isOver()) {
          socket.destroy();
          resolve();
          return;
        }
        const path = paths[started % paths.length] ?? '/';
        started += 1;
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`,
        );
      };
      const finished = (): void => {
        done += 1;
        reading = undefined;
        head = Buffer.alloc(0);
        ask();
      };
      const take = (read: number): boolean => {
        let chunk = buffer.subarray(0, read);
        bytes += read;
        if (reading === undefined) {
          head = Buffer.concat([head, chunk]);
          const end = head.indexOf('\r\n\r\n');
          if (end < 0) return true;
          const text = head.toString('latin1', 0, end);
          if (!text.startsWith('HTTP/1.1 2')) failed += 1;
          const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
          reading = { left: length === undefined ? undefined : Number(length) };
          chunk = head.subarray(end + 4);
        }
        if (reading.left !== undefined) {
          reading.left -= chunk.length;
          if (reading.left <= 0) finished();
        } else if (chunk.subarray(-7).toString('latin1').endsWith('\r\n0\r\n\r\n')) finished();
        return true;
      };
      const socket = net.connect({ port, host: '127.0.0.1', onread: { buffer, callback: take } }, ask);
      socket.setNoDelay(true);
      socket.on('error', reject);
      socket.on('end', () => reject(new Error('the server closed the connection')));
    });
  }

  return Promise.all(Array.from({ length: clients }, connection)).then(() => {
    const seconds = (performance.now() - startedAt) / 1000;
    const { user, system } = process.cpuUsage(cpuAtStart);
    return { requests: done, bytes, failed, seconds, clientCpuShare: (user + system) / 1e6 / seconds };
  });
}

process.on('message', (spec: LoadSpec) => {
  load(spec).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
