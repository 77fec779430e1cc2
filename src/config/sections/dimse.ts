import { z } from 'zod';
import {
  aeTitle,
  count,
  filePath,
  host,
  keyPassphrase,
  peerTls,
  port,
  revocationLists,
  seconds,
} from './values.ts';

const dimseTls = z
  .strictObject({
    cert: filePath.describe('Certificate chain, PEM.'),
    key: filePath.describe('Private key, PEM.'),
    keyPassphrase: keyPassphrase.optional(),
    ca: filePath.optional().describe('Certificates that client certificates must descend from, PEM.'),
    crl: revocationLists.optional(),
    clientCert: z
      .enum(['none', 'optional', 'required'])
      .default('none')
      .describe('Whether modalities must show a certificate signed by "ca".'),
    callingAeBySubject: z
      .record(
        z
          .string()
          .regex(
            /^\s*[A-Za-z][A-Za-z0-9.-]*\s*=\s*\S(?:[^,\\]|\\.)*(?:,\s*[A-Za-z][A-Za-z0-9.-]*\s*=\s*\S(?:[^,\\]|\\.)*)*$/,
            'must be attributes of a certificate subject, such as "CN=ct1.example" or "CN=ct1.example, O=City Medical"',
          ),
        z.array(aeTitle).min(1, 'must name at least one AE title'),
      )
      .default({})
      .describe(
        'Calling AE titles by client certificate: one whose subject has these attributes may use the AE titles listed and no others, and an AE title that is listed may be used with such a certificate only. What is not listed is as free as without.',
      ),
  })
  .nullable()
  .default(null)
  .describe('DICOM over TLS (PS3.15 B.1) instead of plain TCP; null: plain.');

const dimsePeer = z
  .strictObject({
    aeTitle: aeTitle.describe('AE title, as the peer names itself when it calls.'),
    host: host.describe('Address or host name where it listens.'),
    port: count(1, 65_535).describe('TCP port where it listens.'),
    tls: peerTls,
  })
  .describe('Where a peer listens, for storage commitment reports.');

/** The DICOM listener: `dimse`. */
export const dimse = z
  .strictObject({
    host: host.default('0.0.0.0').describe('Address that modalities connect to.'),
    port: port.default(11_112).describe('TCP port; 0 takes a free one and logs it.'),
    maxAssociations: count(1, 1000)
      .default(64)
      .describe('Associations open at once; more are rejected for the time being (“local limit exceeded”).'),
    maxAssociationsPerPeer: count(1, 1000)
      .default(16)
      .describe('The same for one peer address, so that one modality cannot shut out the others.'),
    maxPduLengthBytes: count(4096, 1_048_576)
      .default(131_072)
      .describe('Longest P-DATA-TF PDU accepted (PS3.8 D.1); longer ones mostly save nothing.'),
    idleTimeoutSeconds: seconds(1, 86_400)
      .default(60)
      .describe('An Association on which nothing arrives for so long is aborted.'),
    minBytesPerSecond: count(0, 1_000_000)
      .default(1024)
      .describe(
        'A peer that sends less than this of an object under way, for idleTimeoutSeconds, is aborted as if it were silent; 0: any rate will do.',
      ),
    artimTimeoutSeconds: seconds(1, 600)
      .default(30)
      .describe(
        'ARTIM timer (PS3.8 9.1.5): how long a connection may take to request or release an Association.',
      ),
    tls: dimseTls,
    historyDays: count(1, 3650)
      .default(30)
      .describe(
        'For so long past Associations are listed (GET /api/associations); at most a million of them.',
      ),
    peers: z
      .array(dimsePeer)
      .refine(
        (peers) => new Set(peers.map(({ aeTitle: title }) => title)).size === peers.length,
        'must name each AE title once',
      )
      .default([])
      .describe('Modalities and archives that the daemon itself connects to.'),
    commitmentReportDays: z
      .number()
      .min(0.01)
      .max(365)
      .default(3)
      .describe(
        'For so long the report on a storage commitment request is sent again, until its requestor has taken it.',
      ),
  })
  .prefault({})
  .describe('The DICOM listener (C-STORE, C-ECHO, storage commitment).');
