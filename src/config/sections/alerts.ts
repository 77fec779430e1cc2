import { z } from 'zod';
import { ALERT_RULES } from '../../core/alerts/alert.ts';
import { Secret } from '../secret.ts';
import { count, endpointUrl, seconds, secret } from './values.ts';

const mailAddress = z
  .string()
  .regex(/^[^\s@<>,;"]+@[^\s@<>,;"]+$/, 'must be a mail address such as "it@example.org"');

/** Who is told of what: `alerts`. */
export const alerts = z
  .strictObject({
    name: z
      .string()
      .regex(/^[^\p{Cc}]{1,64}$/u, 'must be 1 to 64 characters of one line')
      .optional()
      .describe('What this installation is called in alerts; left out: the host name.'),
    webhook: z
      .strictObject({
        url: endpointUrl
          .transform((url) => new Secret(url))
          .describe(
            'Where alerts are posted as JSON. Treated as a secret: whoever knows it may post there too.',
          ),
        secret: secret
          .optional()
          .describe('Signs each message (HMAC-SHA-256, header X-Avara-Ingest-Signature).'),
        timeoutSeconds: seconds(1, 120).default(20).describe('How long the receiver may take.'),
      })
      .optional()
      .describe('An HTTP endpoint that alerts go to, also an incoming webhook of a chat system.'),
    mail: z
      .strictObject({
        command: z
          .array(z.string().min(1, 'must not be empty'))
          .min(1, 'must name a program')
          .default(['/usr/sbin/sendmail', '-t', '-i'])
          .describe('Program and arguments that take a message with its headers on standard input.'),
        from: mailAddress.optional().describe('Sender; left out: what the program sets.'),
        to: z.array(mailAddress).min(1, 'must name at least one address').describe('Who is told.'),
        timeoutSeconds: seconds(1, 600).default(60).describe('How long the program may take.'),
      })
      .optional()
      .describe('Mail, through a program on this machine.'),
    repeatHours: z
      .number()
      .min(24)
      .max(720)
      .default(24)
      .describe('One is reminded of what lasts after so many hours.'),
    ignore: z
      .array(z.enum(ALERT_RULES))
      .default([])
      .describe('Rules that nobody is told of; see docs/operations.md.'),
    certificateDays: count(1, 365)
      .default(14)
      .describe('A certificate that expires within so many days is an alert.'),
    diskForecastDays: count(1, 365)
      .default(7)
      .describe('A disk that will be full within so many days is an alert.'),
    unreachableMinutes: count(1, 10_080)
      .default(60)
      .describe('Avara out of reach for so long is an alert; images are received meanwhile.'),
    quarantinedPerDay: count(1, 1_000_000)
      .default(20)
      .describe('So many files in quarantine within a day are an alert.'),
  })
  .prefault({})
  .describe('Who is told when something needs a person. No alert holds patient data.');
