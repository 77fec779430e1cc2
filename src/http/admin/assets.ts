import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { Hono } from 'hono';

import type { AdminEnv } from './admin-env.ts';

interface Asset {
  /** Changes with the content, so that browsers may keep it for ever. */
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
}

const load = (name: string, type: string): Asset => {
  const body = readFileSync(new URL(`./assets/${name}`, import.meta.url));
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 12);
  return { path: `/assets/${digest}/${name}`, type, body };
};

/** Style sheet, script and icon of the page, from the package: nothing comes from elsewhere. */
export const ASSETS = {
  style: load('admin.css', 'text/css; charset=utf-8'),
  script: load('admin.js', 'text/javascript; charset=utf-8'),
  icon: load('icon.svg', 'image/svg+xml'),
};

/** The login page needs them before anybody is known. */
export const ASSET_PATHS = Object.values(ASSETS).map(({ path }) => path);

export function createAssetRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  for (const { path, type, body } of Object.values(ASSETS))
    app.get(path, (c) =>
      c.body(new Uint8Array(body), 200, {
        'Content-Type': type,
        'Cache-Control': 'public, max-age=31536000, immutable',
        'X-Content-Type-Options': 'nosniff',
      }),
    );
  return app;
}
