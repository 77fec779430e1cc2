import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context } from 'hono';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { DicomWebEnv } from './env.ts';
import { sendChunks } from './send-chunks.ts';

it('ends the body of a client that left, which is no failure', async () => {
  let isClosed = false;
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const client = http.get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  client.on('error', () => undefined);
  const [, outgoing] = (await once(server, 'request')) as [http.IncomingMessage, http.ServerResponse];
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      const gone = new Promise((resolve) => outgoing.once('close', resolve));
      client.destroy();
      await gone;
      yield Buffer.from('first');
      yield Buffer.from('second');
    } finally {
      isClosed = true;
    }
  }
  const c = { env: { outgoing } } as unknown as Context<DicomWebEnv>;
  const onFailure = vi.fn();
  await sendChunks(c, { status: 200, headers: {}, chunks: chunks() }, onFailure);
  expect(isClosed).toBe(true);
  expect(onFailure).not.toHaveBeenCalled();
});
