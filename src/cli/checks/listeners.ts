import { createServer } from 'node:net';
import { createDaemonClient, urlHost } from '../daemon-client.ts';
import type { CheckContext, CheckResult } from './check.ts';
import { failureText } from './check.ts';

/** Every port is free, or in use by this configuration's own daemon. */
export async function checkListeners({ config }: CheckContext): Promise<readonly CheckResult[]> {
  const { admin } = config;
  const isRunning =
    admin.port !== 0 &&
    (await createDaemonClient({ url: `http://${urlHost(admin.host)}:${admin.port}` }).isAlive());
  return Promise.all([
    checkListener('dimse', 'DICOM port', config.dimse, isRunning),
    checkListener('http', 'HTTP port', config.http, isRunning),
    checkListener('admin', 'Admin port', admin, isRunning),
  ]);
}

async function checkListener(
  id: string,
  title: string,
  { host, port }: { readonly host: string; readonly port: number },
  isRunning: boolean,
): Promise<CheckResult> {
  const base = { id: `${id}-port`, title };
  const where = `${host}:${port}`;
  const failure = await tryListen(host, port);
  if (failure === undefined) {
    return {
      ...base,
      status: 'ok',
      detail: port === 0 ? `${host}, a free port at each start` : `${where} is free`,
    };
  }
  switch (failure) {
    case 'EADDRINUSE':
      return isRunning
        ? { ...base, status: 'ok', detail: `${where} is in use by the running daemon` }
        : {
            ...base,
            status: 'failed',
            detail: `${where} is in use by another program`,
            advice: `"ss -ltnp" shows which. Stop it, or set another ${id}.port.`,
          };
    case 'EACCES':
      return {
        ...base,
        status: 'failed',
        detail: `this user may not listen on ${where}`,
        advice: 'Ports below 1024 need the capability CAP_NET_BIND_SERVICE; or use a higher port.',
      };
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return {
        ...base,
        status: 'failed',
        detail: `this machine has no address ${host}`,
        advice: `Set ${id}.host to one of its addresses, or to "0.0.0.0" for all.`,
      };
    default:
      return {
        ...base,
        status: 'failed',
        detail: `cannot listen on ${where} (${failure})`,
        advice: `Check ${id}.host and ${id}.port.`,
      };
  }
}

/** @returns undefined where it works, else why not. */
function tryListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(failureText(error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
