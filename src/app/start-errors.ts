import { StoreError } from '../core/ports/instance-store.ts';
import { DataFolderLockedError } from '../sqlite/data-folder-lock.ts';
import { IndexOpenError } from '../sqlite/open.ts';
import { KeyRingError } from '../storage/key-file.ts';
import { fileFaultOf } from '../platform/file-fault.ts';
import { StartError } from './daemon.ts';

/** Says what kept the daemon from starting, and what to do about it. */
export function startErrorOf(error: unknown): Error {
  if (error instanceof StartError) return error;
  if (error instanceof DataFolderLockedError || error instanceof IndexOpenError) {
    return new StartError(error.message, error.hint, { cause: error });
  }
  if (error instanceof KeyRingError) {
    return new StartError(
      error.message,
      'Set its mode to 0600 and its owner to the daemon’s user, or restore it from a backup.',
      {
        cause: error,
      },
    );
  }
  if (error instanceof StoreError) {
    const hint = fileFaultOf(error)?.hint ?? 'Check that the data folder exists, is writable and not full.';
    return new StartError(error.message, hint, { cause: error });
  }
  if (error instanceof Error && 'syscall' in error && error.syscall === 'listen') return listenError(error);
  if (error instanceof Error && 'syscall' in error && error.syscall === 'getaddrinfo')
    return new StartError(
      `no such host: ${'hostname' in error ? String(error.hostname) : 'of a listener'}`,
      'Set "host" of the listener to an address of this machine, or "0.0.0.0" for all of them.',
      { cause: error },
    );
  return error instanceof Error ? error : new Error(String(error));
}

function listenError(error: Error & { code?: unknown; address?: unknown; port?: unknown }): StartError {
  const where = `${String(error.address)}:${String(error.port)}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new StartError(
        `port in use: ${where}`,
        'Stop the other program, or set another port in the configuration.',
        {
          cause: error,
        },
      );
    case 'EACCES':
      return new StartError(
        `not allowed to listen on ${where}`,
        'Ports below 1024 need the capability CAP_NET_BIND_SERVICE; or use a higher port.',
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
      return new StartError(
        `no such address on this machine: ${where}`,
        'Set "host" to an address of this machine.',
        {
          cause: error,
        },
      );
    default:
      return new StartError(`cannot listen on ${where}: ${String(error.code)}`, 'Check "host" and "port".', {
        cause: error,
      });
  }
}
