import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Config } from '../../config/config.ts';
import { CREDENTIALS_FOLDER } from '../../config/expand.ts';
import { inspectReferences, loadConfig } from '../../config/load.ts';
import type { SystemdUnitOptions } from './systemd-unit.ts';

export const DEFAULT_USER = 'avara-ingest';
export const UNIT_FOLDER = '/etc/systemd/system';
export const UNIT_NAME = 'avara-ingest.service';

/** Ports below need a capability (ip_unprivileged_port_start). */
const FIRST_FREE_PORT = 1024;

/** What the service is made of, as this machine and the configuration have it. */
export interface ServicePlan {
  readonly unit: Omit<SystemdUnitOptions, 'version' | 'notify' | 'stopDeadlineMs'>;
  /** Variables that the environment file must set. */
  readonly environment: readonly string[];
  /** Why the service would not work, each with what to do; empty: it would. */
  readonly problems: readonly string[];
}

export interface ServicePlanOptions {
  readonly configFile: string;
  readonly user: string;
  readonly node?: string;
  readonly main?: string;
}

/** Finds paths, ports and secrets of the service. Reads no secret. @throws ConfigError */
export function planService(options: ServicePlanOptions): ServicePlan {
  const configFile = resolve(options.configFile);
  const config = loadConfig({ file: configFile, keepsReferences: true });
  const references = inspectReferences(configFile);
  const folder = dirname(configFile);
  const node = options.node ?? realpathSync(process.execPath);
  const main = options.main ?? mainFile();
  const ports = [config.dimse.port, config.http.port, config.admin.port];
  const read = [node, main, configFile, ...references.files.map((file) => resolve(folder, file))];
  const writableFolders = writableFoldersOf(config);
  return {
    unit: {
      user: options.user,
      node,
      main,
      configFile,
      dataDir: config.dataDir,
      writableFolders,
      hasPrivilegedPort: ports.some((port) => port > 0 && port < FIRST_FREE_PORT),
      environmentFile: references.env.length === 0 ? undefined : join(folder, 'environment'),
      credentials: references.credentials.map((name) => ({
        name,
        file: join(folder, CREDENTIALS_FOLDER, name),
      })),
      readsHome: [...read, config.dataDir, ...config.folders.map(({ path }) => path)].some(isInHome),
    },
    environment: references.env,
    problems: [
      ...[...new Set([node, main, configFile])].flatMap(unreachableProblem),
      ...(existsSync(main) ? [] : [`${main} is not there: build the program first (npm run build)`]),
    ],
  };
}

/** Folders besides the data folder in which files come and go. */
function writableFoldersOf(config: Config): readonly string[] {
  const watched = config.folders.flatMap(({ path, afterImport, moveTo }) =>
    afterImport === 'keep' ? [] : [path, ...(moveTo === undefined ? [] : [moveTo])],
  );
  const reports = Object.values(config.customers).flatMap(({ reports }) => reports?.folder ?? []);
  return [...new Set([...watched, ...reports])];
}

function mainFile(): string {
  return fileURLToPath(new URL('../../main.js', import.meta.url));
}

function isInHome(path: string): boolean {
  return /^\/(?:home|root|run\/user)(?:\/|$)/.test(path);
}

/** A file that another user cannot get to, because a folder above it is closed. */
function unreachableProblem(file: string): string[] {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      accessSync(folder, constants.F_OK);
      if ((statSync(folder).mode & 0o001) === 0) {
        return [`${file} cannot be reached by the service’s user: ${folder} is closed to other users`];
      }
    } catch {
      return [`${folder} is not there`];
    }
  }
  return [];
}
