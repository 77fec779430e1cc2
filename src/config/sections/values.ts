import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { MAX_AE_TITLE_LENGTH, parseAeTitle } from '../../dicom/ae-title.ts';
import { Secret } from '../secret.ts';

/*
 * What settings of several sections are made of.
 */

/** Shortest secret that is taken; shorter ones are typing mistakes or no protection at all. */
const MIN_SECRET_LENGTH = 8;

/** An address, or a block of them in CIDR notation, IPv4 or IPv6. */
export function isAddressRange(text: string): boolean {
  const [address, prefix, ...rest] = text.split('/');
  if (address === undefined || rest.length > 0 || address.includes('%')) return false;
  if (!isIPv4(address) && !isIPv6(address)) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (isIPv4(address) ? 32 : 128));
}

/** The URL, if it is absolute, http or https, and has neither query, fragment nor credentials. */
function isPlainHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && !/[?#]/.test(text) && url.username === '' && url.password === '';
}

export const seconds = (min: number, max: number): z.ZodNumber => z.number().min(min).max(max);
export const count = (min: number, max: number): z.ZodNumber => z.int().min(min).max(max);
export const host = z
  .string()
  .regex(/^[^\s/]+$/, 'must be an IP address or host name, such as "127.0.0.1", "0.0.0.0" or "::"');
export const port = count(0, 65_535);
export const filePath = z
  .string()
  .min(1, 'must be a path')
  .describe('Relative paths start at the config file’s folder.');
export const secret = z
  .string()
  .trim()
  .min(MIN_SECRET_LENGTH, `must be at least ${MIN_SECRET_LENGTH} characters`)
  .transform((value) => new Secret(value));
/** OpenSSL encrypts no key with less; others may, but what is so short is no secret. */
const MIN_PASSPHRASE_LENGTH = 4;
export const keyPassphrase = z
  .string()
  .min(MIN_PASSPHRASE_LENGTH, `must be at least ${MIN_PASSPHRASE_LENGTH} characters`)
  .max(1024, 'must be at most 1024 characters')
  .transform((value) => new Secret(value))
  .describe('Passphrase of "key", where that is encrypted.');
export const revocationLists = z
  .union([filePath.transform((one) => [one]), z.array(filePath).min(1, 'must name at least one file')], {
    error: 'must be a path, or a list of paths',
  })
  .describe(
    'Certificate revocation list(s) of the authorities, PEM; one for each authority of a chain, the root’s too, so that "ca" must reach up to it. Left out: nothing is taken for revoked.',
  );
export const webhookSecret = z
  .union([secret.transform((one) => [one]), z.array(secret).min(1)], {
    error: `must be a string of at least ${MIN_SECRET_LENGTH} characters, or a list of such strings`,
  })
  .describe(
    'Secret(s) that Avara signs webhooks with ("View JWT Secret" in the dashboard). List two while changing over.',
  );
export const apiKey = secret.describe('API key of the Avara dashboard.');
export const httpUrl = z
  .string()
  .refine(isPlainHttpUrl, 'must be an http:// or https:// URL without query, fragment or credentials')
  .transform((url) => url.replace(/\/+$/, ''));

/** An address of somebody else's, taken to the letter: a slash at its end, or a query, may matter there. */
export const endpointUrl = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '';
}, 'must be an http:// or https:// URL without credentials');
export const aeTitle = z
  .string()
  .refine(
    (text) => parseAeTitle(text) !== undefined,
    `must be an AE title: 1 to ${MAX_AE_TITLE_LENGTH} printable ASCII characters, no backslash`,
  )
  .transform((text) => text.trim());
export const addressRange = z
  .string()
  .refine(
    isAddressRange,
    'must be an IP address or a CIDR block, such as "10.20.0.0/16", "10.20.1.5" or "fd00::/8"',
  );
export const customerRef = z.string().describe('Key of an entry of "customers".');

/** The pattern of `CustomerKey` in core/study/instance.ts: the key is also a folder name. */
export const customerKey = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,63}$/,
    'must be 1 to 64 lower-case letters, digits, "-" or "_", and start with a letter or digit',
  );

/** How the daemon speaks with a peer that it connects to: plain DICOM, or DICOM over TLS. */
export const peerTls = z
  .union(
    [
      z.boolean(),
      z
        .strictObject({
          ca: filePath
            .optional()
            .describe(
              'Certificates that the peer’s certificate must descend from, or be, PEM; left out: the authorities that this machine trusts.',
            ),
          cert: filePath
            .optional()
            .describe('Certificate chain that the daemon shows to a peer that wants one, PEM.'),
          key: filePath.optional().describe('Private key of "cert", PEM.'),
          keyPassphrase: keyPassphrase.optional(),
          crl: revocationLists.optional(),
          serverName: z
            .string()
            .regex(
              /^[\x20-\x7e]{1,253}$/,
              'must be a name as it stands in the certificate, such as "pacs.example.org"',
            )
            .optional()
            .describe('Name that the peer’s certificate must have; left out: "host".'),
        })
        .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
          message: 'must have "cert" and "key" together, or neither',
        })
        .refine(({ key, keyPassphrase: passphrase }) => passphrase === undefined || key !== undefined, {
          message: 'must have "key" where there is "keyPassphrase"',
        }),
    ],
    {
      error:
        'must be true, false, or an object with "ca", "cert", "key", "keyPassphrase", "crl", "serverName"',
    },
  )
  .transform((tls) => (tls === true ? {} : tls))
  .default(false)
  .describe(
    'DICOM over TLS (PS3.15 B.12), with the peer’s certificate verified; true: by the authorities that this machine trusts, for the name in "host"; false: plain.',
  );
