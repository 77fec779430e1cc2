import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';

import { waitUntil } from './wait-until.ts';

/** An nginx of its own, with one server block. */
export interface Nginx {
  readonly folder: string;
  stop(): Promise<void>;
}

/** Runs nginx in the foreground with everything of its own below `folder`, and waits for `port`. */
export async function startNginx(folder: string, server: string, port: number): Promise<Nginx> {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${path.join(folder, name)};`)
    .join('\n');
  const file = path.join(folder, 'nginx.conf');
  await fs.writeFile(
    file,
    `daemon off; worker_processes 1; pid ${path.join(folder, 'pid')}; error_log stderr warn;
    events {}
    http { access_log off; ${temporary}\n${server} }`,
  );
  const child = spawn('nginx', ['-c', file, '-p', folder], { stdio: 'ignore' });
  const ended = once(child, 'close');
  await waitUntil('nginx', async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
    const socket = net.connect(port, '127.0.0.1');
    const isUp = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    return isUp || undefined;
  });
  return {
    folder,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
