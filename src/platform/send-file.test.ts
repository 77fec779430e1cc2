import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { loadCachedFiles } from './cached-file.ts';
import { loadSendFile } from './send-file.ts';

const files = await loadCachedFiles();
const loaded = files.kind === 'available' ? await loadSendFile(files) : files;
const withSendFile = it.runIf(loaded.kind === 'available');
const sendFile = loaded.kind === 'available' ? loaded : undefined;

const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));

function openFile(): number {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'send-'));
  const fd = fs.openSync(path.join(folder, 'object.dcm'), 'w+');
  fs.writeSync(fd, BYTES);
  onTestFinished(() => {
    fs.closeSync(fd);
    fs.rmSync(folder, { recursive: true });
  });
  return fd;
}

/** Both ends of a connection. */
async function connection(): Promise<{ server: net.Socket; client: net.Socket }> {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = net.connect((listener.address() as net.AddressInfo).port, '127.0.0.1');
  const [server] = (await once(listener, 'connection')) as [net.Socket];
  listener.close();
  onTestFinished(() => {
    server.destroy();
    client.destroy();
  });
  return { server, client };
}

withSendFile('sends part of a file, and says how far it came', async () => {
  const fd = openFile();
  const { server, client } = await connection();
  expect(sendFile?.isReady(server, fd, 1000, 200_000)).toBe(true);
  const sent = sendFile?.send(server, fd, 1000, 200_000) ?? 0;
  expect(sent).toBeGreaterThan(0);
  server.end();
  const chunks: Buffer[] = [];
  for await (const chunk of client) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).equals(BYTES.subarray(1000, 1000 + sent))).toBe(true);
});

withSendFile('does not overtake what Node.js still has to write', async () => {
  const fd = openFile();
  const { server, client } = await connection();
  server.cork();
  server.write('written before');
  expect(sendFile?.send(server, fd, 0, 1000)).toBe(0);
  server.uncork();
  server.end();
  const chunks: Buffer[] = [];
  for await (const chunk of client) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toBe('written before');
});

withSendFile('does not take a file for longer than it is', async () => {
  const fd = openFile();
  const { server } = await connection();
  fs.ftruncateSync(fd, 100_000);
  expect(sendFile?.isReady(server, fd, 0, 100_000)).toBe(true);
  expect(sendFile?.isReady(server, fd, 0, 100_001)).toBe(false);
});

withSendFile('leaves what the disk would have to be asked for', async () => {
  const { default: koffi } = await import('koffi');
  const forget = koffi.load(null).func('int posix_fadvise(int fd, int64_t from, int64_t length, int advice)');
  const POSIX_FADV_DONTNEED = 4;
  const fd = openFile();
  const { server } = await connection();
  fs.fsyncSync(fd);
  expect(sendFile?.isReady(server, fd, 0, BYTES.length)).toBe(true);
  forget(fd, 0, 0, POSIX_FADV_DONTNEED);
  // A file system that is memory itself forgets nothing.
  const TMPFS_MAGIC = 0x01021994;
  const isInMemory = fs.statfsSync(os.tmpdir()).type === TMPFS_MAGIC;
  expect(sendFile?.isReady(server, fd, 0, BYTES.length)).toBe(isInMemory);
});

withSendFile('sends nothing to a connection that is closed', async () => {
  const fd = openFile();
  const { server } = await connection();
  server.destroy();
  expect(sendFile?.isReady(server, fd, 0, 1000)).toBe(false);
  expect(sendFile?.send(server, fd, 0, 1000)).toBe(0);
});
