import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';

import { freePort } from './free-port.ts';
import { waitUntil } from './wait-until.ts';

/** A program of somebody else's that listens. */
export interface ListeningPeer {
  readonly port: number;
  close(): Promise<void>;
}

/** DCMTK's storescp. @param argv its options; a folder for what it receives is among them. */
export async function startStorescp(...argv: readonly string[]): Promise<ListeningPeer> {
  const port = await freePort();
  return listening(spawn('storescp', [...argv, String(port)], { stdio: 'ignore' }), port);
}

/** OpenSSL's s_server, which makes TLS handshakes and understands no DICOM. */
export async function startTlsServer(...argv: readonly string[]): Promise<ListeningPeer> {
  const port = await freePort();
  const all = ['s_server', '-accept', `127.0.0.1:${port}`, '-quiet', '-verify_return_error', ...argv];
  // It ends with its standard input.
  return listening(spawn('openssl', all, { stdio: ['pipe', 'ignore', 'ignore'] }), port);
}

async function listening(program: ReturnType<typeof spawn>, port: number): Promise<ListeningPeer> {
  const close = async (): Promise<void> => {
    if (program.exitCode !== null || program.signalCode !== null) return;
    program.kill();
    await once(program, 'close');
  };
  try {
    await waitUntil(`${program.spawnfile} listening`, async () => {
      if (program.exitCode !== null) throw new Error(`${program.spawnfile} ended with ${program.exitCode}`);
      const socket = connect(port, '127.0.0.1');
      const isUp = await Promise.race([
        once(socket, 'connect').then(() => true),
        once(socket, 'close').then(() => undefined),
      ]).catch(() => undefined);
      socket.destroy();
      return isUp;
    });
  } catch (error) {
    await close();
    throw error;
  }
  return { port, close };
}
