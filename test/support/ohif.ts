import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';

import { ARE_PEERS_REQUIRED } from './peer-programs.ts';

const run = promisify(execFile);

/** The OHIF viewer as it is published. One of its own dependencies is not, so that npm cannot install it. */
const PACKAGE = '@ohif/app@3.13.2';
const INTEGRITY = 'WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==';
const CACHE = path.resolve(import.meta.dirname, '../../node_modules/.cache/avara-ingest');
const PAGES = path.join(CACHE, 'ohif-3.13.2');

/**
 * The folder with OHIF's pages: downloaded once, held to the digest above, kept below `node_modules/.cache`.
 * @returns undefined, and a line that says so, where it cannot be downloaded.
 * @throws where it is not what it was, and where it cannot be had and `AVARA_INGEST_REQUIRE_PEERS=1`.
 */
export async function ohifPages(): Promise<string | undefined> {
  if (await exists(path.join(PAGES, 'index.html'))) return PAGES;
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(path.join(CACHE, 'ohif-'));
  try {
    const archive = await download(folder);
    if (archive === undefined) return undefined;
    const digest = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64');
    if (digest !== INTEGRITY) throw new Error(`${PACKAGE} is not the package that it was: sha512-${digest}`);
    await run('tar', ['-xzf', archive, '-C', folder, '--exclude=*.map', 'package/dist']);
    await rename(path.join(folder, 'package/dist'), PAGES).catch((error: unknown) => {
      // Another run may have been faster.
      if (!isNotEmpty(error)) throw error;
    });
    return PAGES;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function download(folder: string): Promise<string | undefined> {
  try {
    await run('npm', ['pack', PACKAGE, '--pack-destination', folder, '--silent'], { timeout: 300_000 });
  } catch (error) {
    if (ARE_PEERS_REQUIRED) throw error;
    process.stdout.write(`${PACKAGE} cannot be downloaded: its tests are skipped\n`);
    return undefined;
  }
  const archive = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (archive === undefined) throw new Error(`npm pack ${PACKAGE} gave no file`);
  return path.join(folder, archive);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function isNotEmpty(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST');
}

export interface OhifServer {
  /** Without a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

export interface OhifServerOptions {
  readonly pages: string;
  /** The text of `app-config.js`. */
  readonly appConfig: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/** Serves OHIF's pages on a port of their own, so that the daemon is another origin to them, as it is in practice. */
export async function startOhifServer({ pages, appConfig }: OhifServerOptions): Promise<OhifServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/app-config.js') {
      response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(appConfig);
      return;
    }
    const file = path.join(pages, path.normalize(decodeURIComponent(pathname)));
    const isFile = path.extname(pathname) !== '' && file.startsWith(pages);
    // Everything else is a page of the application, which looks at the address itself.
    const sent = isFile ? file : path.join(pages, 'index.html');
    const stream = createReadStream(sent);
    stream.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(404).end()));
    stream.on('open', () => {
      response.writeHead(200, { 'Content-Type': TYPES[path.extname(sent)] ?? 'application/octet-stream' });
      stream.pipe(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * OHIF's configuration for our DICOMweb, as docs/dicomweb.md shows it.
 * @param token bearer token, sent with every request.
 */
export function ohifConfig(serviceUrl: string, token: string): string {
  return `
window.config = {
  routerBasename: '/',
  extensions: [
    {
      id: 'bearer-token',
      preRegistration({ servicesManager }) {
        servicesManager.services.userAuthenticationService.setServiceImplementation({
          getAuthorizationHeader: () => ({ Authorization: 'Bearer ${token}' }),
        });
      },
    },
  ],
  modes: [],
  showStudyList: true,
  investigationalUseDialog: { option: 'never' },
  defaultDataSourceName: 'avara-ingest',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'avara-ingest',
      configuration: {
        friendlyName: 'avara-ingest',
        name: 'avara-ingest',
        qidoRoot: '${serviceUrl}',
        wadoRoot: '${serviceUrl}',
        qidoSupportsIncludeField: true,
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        supportsFuzzyMatching: true,
        supportsWildcard: true,
        bulkDataURI: { enabled: true },
      },
    },
  ],
};
`;
}
