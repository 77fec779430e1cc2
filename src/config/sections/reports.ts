import { z } from 'zod';
import { aeTitle, count, filePath, host, endpointUrl, peerTls, secret } from './values.ts';

/** `reports` of a customer. */
export const reports = z
  .strictObject({
    folder: filePath
      .optional()
      .describe(
        'Folder that reports are written to (PDF, text, JSON). Relative paths start at the config file’s folder.',
      ),
    post: z
      .strictObject({
        url: endpointUrl.describe('Receives each report as multipart/form-data: "report" (JSON) and "pdf".'),
        token: secret.optional().describe('Sent as bearer token.'),
      })
      .optional()
      .describe('HTTP endpoint that reports are posted to.'),
    pacs: z
      .strictObject({
        aeTitle: aeTitle.describe('AE title of the PACS.'),
        host: host.describe('Address or host name of the PACS.'),
        port: count(1, 65_535).describe('TCP port of the PACS.'),
        tls: peerTls,
        callingAeTitle: aeTitle.default('AVARAINGEST').describe('AE title that the daemon calls with.'),
        title: z
          .string()
          .trim()
          .min(1, 'must not be empty')
          .max(64)
          .default('Radiology report')
          .describe('Document Title and Series Description of the objects.'),
        commitment: z
          .enum(['auto', 'off'])
          .default('auto')
          .describe(
            'Storage commitment: "auto" asks for it where the PACS offers it, and sends again until the PACS commits; "off" trusts its answer to C-STORE.',
          ),
      })
      .optional()
      .describe('PACS that reports are sent to as Encapsulated PDF objects, by C-STORE.'),
  })
  .describe('Where reports of this customer go, besides the data folder.');
