import { z } from 'zod';
import { host, port, secret } from './values.ts';

/** The admin listener: `admin`. */
export const admin = z
  .strictObject({
    host: host
      .default('127.0.0.1')
      .describe('Address of the admin listener; beyond loopback it needs a token.'),
    port: port.default(8081).describe('TCP port; 0 takes a free one and logs it.'),
    token: secret.optional().describe('Bearer token for the admin page and API.'),
  })
  .prefault({})
  .describe('The admin listener: status page, API, metrics, health.');
