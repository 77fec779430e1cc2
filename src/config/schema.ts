import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { ALERT_RULES } from '../core/alerts/alert.ts';
import { PRODUCTS } from '../core/study/study.ts';
import { MAX_AE_TITLE_LENGTH, parseAeTitle } from '../dicom/ae-title.ts';
import { Secret } from './secret.ts';

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

const seconds = (min: number, max: number): z.ZodNumber => z.number().min(min).max(max);
const count = (min: number, max: number): z.ZodNumber => z.int().min(min).max(max);
const host = z
  .string()
  .regex(/^[^\s/]+$/, 'must be an IP address or host name, such as "127.0.0.1", "0.0.0.0" or "::"');
const port = count(0, 65_535);
const filePath = z
  .string()
  .min(1, 'must be a path')
  .describe('Relative paths start at the config file’s folder.');
const secret = z
  .string()
  .trim()
  .min(MIN_SECRET_LENGTH, `must be at least ${MIN_SECRET_LENGTH} characters`)
  .transform((value) => new Secret(value));
const webhookSecret = z
  .union([secret.transform((one) => [one]), z.array(secret).min(1)], {
    error: `must be a string of at least ${MIN_SECRET_LENGTH} characters, or a list of such strings`,
  })
  .describe(
    'Secret(s) that Avara signs webhooks with ("View JWT Secret" in the dashboard). List two while changing over.',
  );
const apiKey = secret.describe('API key of the Avara dashboard.');
const httpUrl = z
  .string()
  .refine(isPlainHttpUrl, 'must be an http:// or https:// URL without query, fragment or credentials')
  .transform((url) => url.replace(/\/+$/, ''));
const aeTitle = z
  .string()
  .refine(
    (text) => parseAeTitle(text) !== undefined,
    `must be an AE title: 1 to ${MAX_AE_TITLE_LENGTH} printable ASCII characters, no backslash`,
  )
  .transform((text) => text.trim());
const addressRange = z
  .string()
  .refine(
    isAddressRange,
    'must be an IP address or a CIDR block, such as "10.20.0.0/16", "10.20.1.5" or "fd00::/8"',
  );
const customerRef = z.string().describe('Key of an entry of "customers".');

/** The pattern of `CustomerKey` in core/study/instance.ts: the key is also a folder name. */
const customerKey = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,63}$/,
    'must be 1 to 64 lower-case letters, digits, "-" or "_", and start with a letter or digit',
  );

const dimseTls = z
  .strictObject({
    cert: filePath.describe('Certificate chain, PEM.'),
    key: filePath.describe('Private key, PEM.'),
    ca: filePath.optional().describe('Certificates that client certificates must descend from, PEM.'),
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
  })
  .describe('Where a peer listens, for storage commitment reports.');

const dimse = z
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

const http = z
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

const admin = z
  .strictObject({
    host: host
      .default('127.0.0.1')
      .describe('Address of the admin listener; beyond loopback it needs a token.'),
    port: port.default(8081).describe('TCP port; 0 takes a free one and logs it.'),
    token: secret.optional().describe('Bearer token for the admin page and API.'),
  })
  .prefault({})
  .describe('The admin listener: status page, API, metrics, health.');

const avara = z
  .strictObject({
    baseUrl: httpUrl.default('https://api.avarasoftware.com').describe('Where Avara’s API is.'),
    apiKey: apiKey.optional(),
    webhookSecret: webhookSecret.optional(),
    requestTimeoutSeconds: seconds(1, 600).default(60).describe('How long one API call may take.'),
    concurrency: count(1, 64).default(4).describe('API calls made at once.'),
    customerCheckMinutes: z
      .number()
      .min(0.01)
      .max(1440)
      .default(15)
      .describe('How often Avara is asked whether each customer exists and is active.'),
  })
  .prefault({})
  .describe('Avara’s API; customers without an "avara" of their own use this key and secret.');

const reports = z
  .strictObject({
    folder: filePath
      .optional()
      .describe(
        'Folder that reports are written to (PDF, text, JSON). Relative paths start at the config file’s folder.',
      ),
    post: z
      .strictObject({
        url: httpUrl.describe('Receives each report as multipart/form-data: "report" (JSON) and "pdf".'),
        token: secret.optional().describe('Sent as bearer token.'),
      })
      .optional()
      .describe('HTTP endpoint that reports are posted to.'),
    pacs: z
      .strictObject({
        aeTitle: aeTitle.describe('AE title of the PACS.'),
        host: host.describe('Address or host name of the PACS.'),
        port: count(1, 65_535).describe('TCP port of the PACS.'),
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

const days = z.number().min(0).max(36_500);
const byteCount = count(0, Number.MAX_SAFE_INTEGER);

const ageRules = {
  afterDays: days
    .nullable()
    .default(null)
    .describe('Days after which a study goes, counted from its last image; null: not by that.'),
  afterConfirmedDays: days
    .nullable()
    .default(null)
    .describe(
      'Days after which a study goes, counted from Avara’s confirmation; with "afterDays", both must have passed. null: not by that.',
    ),
};

const customerRetention = z
  .strictObject({
    afterDays: days.nullable().optional().describe('As in the top-level "retention".'),
    afterConfirmedDays: days.nullable().optional().describe('As in the top-level "retention".'),
    maxBytes: byteCount
      .nullable()
      .optional()
      .describe('What the studies of this customer may take; above it the oldest go. null: any amount.'),
    exempt: z.boolean().default(false).describe('Nothing of this customer is removed, for whatever reason.'),
  })
  .describe('What is kept of this customer, where that differs.');

const retention = z
  .strictObject({
    ...ageRules,
    maxBytes: byteCount
      .nullable()
      .default(null)
      .describe('What all studies may take; above it the oldest go. null: any amount.'),
    freeSpace: z
      .strictObject({
        lowBytes: byteCount.describe('Free space below which the oldest studies go.'),
        highBytes: byteCount.describe('Until so much is free.'),
      })
      .nullable()
      .default(null)
      .describe('Removes studies when the disk gets full; null: never.'),
    minimumDays: days
      .default(1)
      .describe('For want of space no study goes that received something within so many days.'),
    committedDays: days
      .nullable()
      .default(365)
      .describe(
        'For so long after storage commitment was given for a study it stays; null: for ever. See the conformance statement.',
      ),
    filesPerSecond: z
      .number()
      .min(0.1)
      .max(100_000)
      .default(200)
      .describe('Most files deleted in a second; while images come in, deletion rests.'),
    checkIntervalMinutes: z
      .number()
      .min(0.01)
      .max(1440)
      .default(15)
      .describe('How often it is looked for studies that are to go.'),
  })
  .prefault({})
  .describe(
    'Which studies are removed from here, the oldest first. Off unless set. What Avara has not confirmed is never removed.',
  );

/** Metadata that every study gets from its images; see avara/mapping/field-table.ts. */
const RESERVED_METADATA = ['accessionNumber', 'studyId', 'source', 'sourceAeTitle', 'calledAeTitle'] as const;

const avaraUserId = z
  .string()
  .regex(
    /^usr_[0-9a-fA-F]{32}$/,
    'must be "usr_" and 32 hexadecimal digits, as the Avara dashboard shows it',
  );

const customer = z
  .strictObject({
    expressCustomerId: z
      .string()
      .regex(
        /^cus_[0-9a-fA-F]{32}$/,
        'must be "cus_" and 32 hexadecimal digits, as the Avara dashboard shows it',
      )
      .describe('Avara’s id of this Express customer.'),
    products: z
      .array(z.enum(PRODUCTS))
      .min(1, 'must name at least one product: "viewer", "autoScribe"')
      .refine((list) => new Set(list).size === list.length, 'must name each product once')
      .default(['viewer'])
      .describe('Avara products that each study of this customer is created in.'),
    severity: z
      .enum(['normal', 'high', 'stat'])
      .default('normal')
      .describe('Severity of studies whose images state none.'),
    facilityName: z
      .string()
      .trim()
      .min(1, 'must not be empty')
      .max(200)
      .optional()
      .describe('Facility name for studies whose images have no Institution Name.'),
    override: z
      .array(z.enum(['severity', 'facilityName']))
      .default([])
      .describe('Which of this customer’s settings win over what the images say.'),
    assignedTo: avaraUserId.optional().describe('Avara user that new studies are assigned to.'),
    metadata: z
      .record(
        z.string().min(1).max(100),
        z.string().min(1, 'must not be empty').max(1000, 'must have at most 1000 characters'),
      )
      .refine((pairs) => Object.keys(pairs).length <= 40, 'must have at most 40 pairs')
      .refine(
        (pairs) => RESERVED_METADATA.every((name) => !(name in pairs)),
        `must not use the names that are taken from the images: ${RESERVED_METADATA.join(', ')}`,
      )
      .optional()
      .describe('Fixed pairs of text that each study of this customer carries at Avara.'),
    modalityNames: z
      .record(
        z.string().regex(/^[A-Z0-9_]{1,16}$/, 'must be a Modality such as "MR"'),
        z.string().min(1).max(32),
      )
      .optional()
      .describe('What AutoScribe is told for a DICOM Modality, for example {"MR": "MRI"}.'),
    reports: reports.optional(),
    retention: customerRetention.optional(),
    worklistFile: filePath
      .optional()
      .describe(
        'JSON file with the worklist items that Avara is told when a modality asks; left out: no worklist is offered.',
      ),
    openAs: avaraUserId
      .optional()
      .describe('Avara user that AutoScribe studies are opened as, where a link names none.'),
    legacyFieldNames: z
      .boolean()
      .default(false)
      .describe(
        'Send the older field names of Avara’s documentation (studyUid, scanDate, scanTime, scanType).',
      ),
    avara: z
      .strictObject({
        baseUrl: httpUrl.optional().describe('Where Avara’s API is, for this customer.'),
        apiKey: apiKey.optional(),
        webhookSecret: webhookSecret.optional(),
      })
      .optional()
      .describe('Overrides of the top-level "avara" for this customer.'),
  })
  .describe('One Avara Express customer.');

/** One entry of `routes`. */
export const routeSchema = z
  .strictObject({
    calledAe: aeTitle.describe('AE title that the modality calls. Upper and lower case differ.'),
    callingAe: z
      .array(aeTitle)
      .min(1, 'must name at least one AE title; leave "callingAe" out to admit any')
      .optional()
      .describe('Only these calling AE titles; left out: any.'),
    from: z
      .array(addressRange)
      .min(1, 'must name at least one address; leave "from" out to admit any')
      .optional()
      .describe('Only peers with these addresses or CIDR blocks; left out: any.'),
    customer: customerRef,
  })
  .describe(
    'Maps a sender to a customer. The most specific route wins; none means the Association is rejected.',
  );

const fileNamePatterns = z.array(z.string().min(1, 'must not be empty').max(500)).default([]);

/** One entry of `folders`. */
export const folderSchema = z
  .strictObject({
    path: filePath.describe(
      'Folder to watch, with its subfolders. Relative paths start at the config file’s folder.',
    ),
    customer: customerRef,
    afterImport: z
      .enum(['delete', 'move', 'keep'])
      .default('delete')
      .describe(
        'What becomes of a file once it is safely stored: deleted, moved to "moveTo", or kept and remembered.',
      ),
    moveTo: filePath
      .optional()
      .describe(
        'With afterImport "move": folder for stored files, with their subfolders. May lie in the watched one.',
      ),
    include: fileNamePatterns.describe(
      'Only files that fit one of these patterns (*, ?, **; without "/" held against the file’s name); empty: all.',
    ),
    exclude: fileNamePatterns.describe('Files that fit one of these patterns are left alone.'),
    settledAfterSeconds: seconds(0, 3600)
      .default(5)
      .describe('A file is taken once it has not changed for so long.'),
    quarantineAfterSeconds: seconds(0, 86_400)
      .default(60)
      .describe(
        'A file that is incomplete or not DICOM goes to quarantine once it has not changed for so long: until then it may still be on its way.',
      ),
    concurrency: count(1, 32).default(4).describe('Files read at once.'),
    watch: z
      .enum(['auto', 'events', 'polling'])
      .default('auto')
      .describe(
        'How new files are noticed: events of the file system, or polling, which "auto" takes on NFS and SMB.',
      ),
    pollIntervalSeconds: seconds(0.1, 3600)
      .default(5)
      .describe('With polling: how long between two looks at the folder; large folders rest longer.'),
  })
  .describe('A watched folder.');

/** One entry of `access.tokens`. */
export const accessTokenSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w.@-]{1,64}$/, 'must be 1 to 64 letters, digits, ".", "_", "@" or "-"')
      .describe('Who holds it; appears in the audit trail.'),
    token: secret.describe('Bearer token for DICOMweb.'),
    customers: z
      .array(customerRef)
      .min(1, 'must name at least one customer')
      .describe('Whose studies it opens.'),
    rights: z
      .array(z.enum(['read', 'write']))
      .min(1, 'must name at least one right: "read", "write"')
      .refine((rights) => new Set(rights).size === rights.length, 'must name each right once')
      .default(['read'])
      .describe('"read": search, retrieve and open studies; "write": store them (STOW-RS).'),
  })
  .describe('A bearer token for DICOMweb, scoped to customers.');

const studies = z
  .strictObject({
    stableAfterSeconds: seconds(0, 86_400)
      .default(30)
      .describe('A study is stable, and goes to Avara, once nothing new arrived for so long.'),
    stableAfterReleaseSeconds: seconds(0, 86_400)
      .default(10)
      .describe(
        'The same once every Association that brought the study was released; never longer than stableAfterSeconds.',
      ),
  })
  .prefault({})
  .describe('When a study counts as complete.');

const access = z
  .strictObject({
    urlLifetimeSeconds: seconds(1, 86_400)
      .default(3600)
      .describe('How long the object URLs of one study answer are good for.'),
    keyRotationDays: count(1, 3650)
      .default(30)
      .describe(
        'A new key signs object URLs after so many days; old ones verify until their last URL has expired.',
      ),
    tokens: z.array(accessTokenSchema).default([]).describe('Bearer tokens for DICOMweb.'),
  })
  .prefault({})
  .describe('Who may read images.');

const dicomWeb = z
  .strictObject({
    maxResults: count(1, 100_000)
      .default(10_000)
      .describe('Results in one answer to a search (QIDO-RS); the rest can be asked for with "offset".'),
    maxStoreRequests: count(1, 1024)
      .default(16)
      .describe('Store requests (STOW-RS) worked on at once; further ones are answered 503 and come again.'),
    storeIdleTimeoutSeconds: seconds(1, 110)
      .default(60)
      .describe('How long the sender of a store request may be silent before it is given up.'),
  })
  .prefault({})
  .describe('DICOMweb, on the public listener.');

const storage = z
  .strictObject({
    reserveBytes: count(0, Number.MAX_SAFE_INTEGER)
      .default(1_073_741_824)
      .describe('Free space below which nothing more is accepted (senders are told "out of resources").'),
    scrub: z
      .strictObject({
        everyDays: z
          .number()
          .min(0.000_01)
          .max(3650)
          .default(30)
          .describe('Every stored object is read once in so many days, as far as the pace allows.'),
        maxBytesPerSecond: count(10_000, 10_000_000_000)
          .default(10_000_000)
          .describe('Most that it reads in a second; 10 MB/s are 26 TB in 30 days.'),
      })
      .nullable()
      .prefault({})
      .describe(
        'The background check: stored objects are read again and compared with what was acknowledged, slowly, and not while images come in. null: off.',
      ),
  })
  .prefault({})
  .describe('The data folder’s disk.');

const mailAddress = z
  .string()
  .regex(/^[^\s@<>,;"]+@[^\s@<>,;"]+$/, 'must be a mail address such as "it@example.org"');

const alerts = z
  .strictObject({
    name: z
      .string()
      .regex(/^[^\p{Cc}]{1,64}$/u, 'must be 1 to 64 characters of one line')
      .optional()
      .describe('What this installation is called in alerts; left out: the host name.'),
    webhook: z
      .strictObject({
        url: z
          .string()
          .refine((text) => {
            if (!URL.canParse(text)) return false;
            const { protocol, username, password } = new URL(text);
            return /^https?:$/.test(protocol) && username === '' && password === '';
          }, 'must be an http:// or https:// URL without credentials')
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
    enterpriseSiteId: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('AuditEnterpriseSiteID of the messages; left out: none.'),
  })
  .describe('Where DICOM audit messages (PS3.15 A.5) go.');

const audit = z
  .strictObject({
    keepDays: count(1, 36_500)
      .nullable()
      .default(null)
      .describe('For so many days files of the audit trail are kept; null: for ever.'),
    syslog: syslog.nullable().default(null).describe('Also sends DICOM audit messages by syslog; null: no.'),
  })
  .prefault({})
  .describe('The audit trail.');

const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('Least severe level that is logged.'),
  })
  .prefault({})
  .describe('Logging (JSON lines on standard output).');

/** The configuration file, after `${…}` references were replaced. Cross-checks are in cross-checks.ts. */
export const configSchema = z
  .strictObject({
    $schema: z.string().optional().describe('For editors: path or URL of config.schema.json.'),
    dataDir: filePath
      .default('./data')
      .describe('Folder of objects, index and keys. Relative paths start at the config file’s folder.'),
    dimse,
    http,
    admin,
    avara,
    customers: z
      .record(customerKey, customer)
      .refine((record) => Object.keys(record).length > 0, 'must hold at least one customer')
      .describe('Express customers by a key of your choice (also a folder name): a-z, 0-9, "-", "_".'),
    routes: z.array(routeSchema).default([]).describe('Which sender belongs to which customer.'),
    folders: z.array(folderSchema).default([]).describe('Watched folders.'),
    studies,
    access,
    dicomWeb,
    storage,
    retention,
    alerts,
    audit,
    log,
  })
  .describe('Configuration of avara-ingest.');

/** What the schema makes of a file, before paths and customer overrides are resolved. */
export type ParsedConfig = z.output<typeof configSchema>;

/** Names of the top-level sections. */
export type SectionName = Exclude<keyof ParsedConfig, '$schema'>;

/** The published JSON Schema (2020-12), describing the file as it is written. */
export function configJsonSchema(): JsonSchemaNode {
  const generated = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  const { $schema, ...rest } = generated as JsonSchemaNode & { $schema?: string };
  return {
    ...($schema === undefined ? {} : { $schema }),
    title: 'avara-ingest configuration',
    ...rest,
  };
}

/** The part of JSON Schema that zod emits for {@link configSchema}. */
export interface JsonSchemaNode {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>;
  readonly additionalProperties?: JsonSchemaNode | boolean;
  readonly items?: JsonSchemaNode;
  readonly anyOf?: readonly JsonSchemaNode[];
}
