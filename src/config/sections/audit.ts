import { z } from 'zod';
import { count, filePath, host, keyPassphrase, revocationLists } from './values.ts';

const syslog = z
  .strictObject({
    transport: z
      .enum(['udp', 'tcp', 'tls'])
      .default('tls')
      .describe('How it is reached: TLS (RFC 5425), TCP (RFC 6587, counted frames) or UDP (RFC 5426).'),
    host: host.describe('Address or host name of the audit record repository.'),
    port: count(1, 65_535).default(6514).describe('Its port.'),
    ca: filePath.optional().describe('Certificates that its certificate must descend from, PEM.'),
    cert: filePath.optional().describe('Certificate that the daemon shows, PEM.'),
    key: filePath.optional().describe('Private key of it, PEM.'),
    keyPassphrase: keyPassphrase.optional(),
    crl: revocationLists.optional(),
    enterpriseSiteId: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('AuditEnterpriseSiteID of the messages; left out: none.'),
  })
  .describe('Where DICOM audit messages (PS3.15 A.5) go.');

/** The audit trail: `audit`. */
export const audit = z
  .strictObject({
    keepDays: count(1, 36_500)
      .nullable()
      .default(null)
      .describe('For so many days files of the audit trail are kept; null: for ever.'),
    syslog: syslog.nullable().default(null).describe('Also sends DICOM audit messages by syslog; null: no.'),
  })
  .prefault({})
  .describe('The audit trail.');
