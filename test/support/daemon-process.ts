import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { NODE_FLAGS } from '../../src/cli/service/systemd-unit.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** A line of the daemon's log. */
export type LogLine = Record<string, unknown> & { readonly msg: string };

export interface DaemonProcess {
  readonly dimse: Address;
  readonly http: Address;
  readonly admin: Address;
  readonly process: ChildProcess;
  /** Every line logged so far. */
  readonly log: readonly LogLine[];
  /** Whatever came on standard error or was not JSON. */
  readonly noise: readonly string[];
  /** Ends it as a crash would; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Resolves with the exit code when it has ended by itself, or by a signal sent before. */
  exited(): Promise<number | null>;
  /** Resolves with the first log line that fits, past or future. Rejects if the daemon ends first. */
  logged(fits: (line: LogLine) => boolean): Promise<LogLine>;
}

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');

/** Starts the built daemon, as a service manager would, and waits until it says that it is ready. */
export async function startDaemon(
  configFile: string,
  env: Record<string, string> = {},
): Promise<DaemonProcess> {
  const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, 'serve', '--config', configFile], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: LogLine[] = [];
  const noise: string[] = [];
  const listeners = new Set<(line: LogLine) => void>();
  let hasEnded = false;
  const ended = once(child, 'close').then(() => {
    hasEnded = true;
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    let line: LogLine;
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      noise.push(text);
      return;
    }
    log.push(line);
    for (const listener of listeners) listener(line);
  });
  createInterface({ input: child.stderr }).on('line', (text) => noise.push(text));

  const logged = async (fits: (line: LogLine) => boolean): Promise<LogLine> => {
    const past = log.find(fits);
    if (past) return past;
    return new Promise((resolve, reject) => {
      const listener = (line: LogLine): void => {
        if (!fits(line)) return;
        listeners.delete(listener);
        resolve(line);
      };
      listeners.add(listener);
      void ended.then(() => {
        const tail = [...noise, ...log.slice(-5).map((line) => JSON.stringify(line))].join('\n');
        reject(new Error(`the daemon ended before it logged what was waited for\n${tail}`));
      });
    });
  };

  const ready = await logged((line) => line.msg === 'ready');
  return {
    dimse: ready.dimse as Address,
    http: ready.http as Address,
    admin: ready.admin as Address,
    process: child,
    log,
    noise,
    logged,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      if (!hasEnded) child.kill('SIGTERM');
      await ended;
      return child.exitCode;
    },
    async exited() {
      await ended;
      return child.exitCode;
    },
  };
}

/** Writes a configuration into `folder`, with free ports and the data folder beside it. @returns its path. */
export async function writeConfig(folder: string, config: Record<string, unknown>): Promise<string> {
  const file = path.join(folder, 'config.json');
  const whole = {
    dataDir: './data',
    dimse: { host: '127.0.0.1', port: 0 },
    http: { host: '127.0.0.1', port: 0 },
    admin: { host: '127.0.0.1', port: 0 },
    ...config,
  };
  await fs.writeFile(file, JSON.stringify(whole, null, 2));
  return file;
}
