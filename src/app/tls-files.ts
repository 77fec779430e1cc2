import { readFile } from 'node:fs/promises';

import { StartError } from './daemon.ts';

/** Reads certificate chain and key for HTTPS. @throws StartError */
export async function httpsOptions(
  tls: { readonly cert: string; readonly key: string } | null,
): Promise<{ cert: Buffer; key: Buffer } | undefined> {
  if (tls === null) return undefined;
  return { cert: await pemFile(tls.cert), key: await pemFile(tls.key) };
}

async function pemFile(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new StartError(
      `cannot read ${file}`,
      'Check the path under "tls" and that the daemon’s user may read it.',
      {
        cause: error,
      },
    );
  }
}
