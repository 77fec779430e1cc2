import type { Context } from 'hono';

import type { HttpEnv } from '../env.ts';

/** Whether a button of the status page was pressed, rather than the API called. */
export function isForm(c: Context<HttpEnv>): boolean {
  return (c.req.header('accept') ?? '').includes('text/html');
}
