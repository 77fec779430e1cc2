import { z } from 'zod';
import { addressRange, filePath, host, httpUrl, keyPassphrase, port } from './values.ts';

/** The public listener: `http`. */
export const http = z
  .strictObject({
    host: host.default('127.0.0.1').describe('Address of the public listener, often behind a reverse proxy.'),
    port: port.default(8080).describe('TCP port; 0 takes a free one and logs it.'),
    publicUrl: httpUrl
      .nullable()
      .default(null)
      .describe(
        'Where viewers and Avara reach this listener from outside; object URLs start with it. null: the listener’s own address, which serves this machine alone.',
      ),
    tls: z
      .strictObject({
        cert: filePath.describe('Certificate chain, PEM.'),
        key: filePath.describe('Private key, PEM.'),
        keyPassphrase: keyPassphrase.optional(),
      })
      .nullable()
      .default(null)
      .describe('HTTPS served by the daemon itself; null: plain HTTP, for use behind a reverse proxy.'),
    trustProxy: z
      .array(addressRange)
      .default([])
      .describe(
        'Reverse proxies (addresses or CIDR blocks) whose X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are believed.',
      ),
    corsOrigins: z
      .array(
        z
          .string()
          .regex(
            /^(?:\*|https?:\/\/[^/\s?#]+)$/,
            'must be "*" or an origin such as "https://viewer.example.org"',
          ),
      )
      .default(['*'])
      .describe('Web origins that may read objects and DICOMweb; access itself always needs a token.'),
  })
  .prefault({})
  .describe('The public listener: webhooks, object URLs, DICOMweb.');
