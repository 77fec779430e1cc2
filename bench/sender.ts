import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { networkEnv, type Network, type Receiver } from './receivers.ts';

export interface SendOptions {
  readonly to: Pick<Receiver, 'port' | 'calledAeTitle'>;
  /** Files of each Association; all Associations are open at once. */
  readonly associations: readonly (readonly string[])[];
  readonly network: Network;
}

/**
 * Sends with DCMTK's storescu, one process per Association, Explicit VR Little Endian as the files have it.
 * @returns wall time from the start of the first process to the end of the last, in seconds.
 * @throws Error where a sender does not report success for every file.
 */
export async function send({ to, associations, network }: SendOptions): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(associations.map((files) => sendOver(to, files, network)));
  return (performance.now() - startedAt) / 1000;
}

async function sendOver(to: SendOptions['to'], files: readonly string[], network: Network): Promise<void> {
  const child = spawn(
    'storescu',
    [
      ...['--propose-little', '--aetitle', 'BENCHSCU', '--call', to.calledAeTitle],
      ...(network === 'tuned' ? ['--max-pdu', '131072'] : []),
      ...['127.0.0.1', String(to.port)],
      ...files,
    ],
    { env: networkEnv(network), stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('latin1')).slice(-500);
  });
  await once(child, 'close');
  if (child.exitCode !== 0) {
    throw new Error(`storescu to ${to.calledAeTitle} ended with code ${child.exitCode}: ${complaint}`);
  }
}

/** Shares out studies over so many Associations, whole ones, in turn. */
export function distribute(
  studies: readonly (readonly string[])[],
  associations: number,
): readonly (readonly string[])[] {
  const shares: string[][] = Array.from({ length: Math.min(associations, studies.length) }, () => []);
  studies.forEach((files, index) => shares[index % shares.length]?.push(...files));
  return shares;
}
