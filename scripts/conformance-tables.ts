import { configSchema } from '../src/config/schema.ts';
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from '../src/dicom/implementation.ts';
import { STORAGE_SOP_CLASSES } from '../src/dicom/sop-class.ts';
import { COMMITMENT_EVENT_TYPE, FAILURE_REASON } from '../src/dicom/storage-commitment.ts';
import type { FailureReason } from '../src/dicom/storage-commitment.ts';
import { TRANSFER_SYNTAXES } from '../src/dicom/transfer-syntax.ts';
import { ABORT_REASON } from '../src/dimse/pdu/types.ts';
import type { AbortReason } from '../src/dimse/pdu/types.ts';
import { REJECTIONS, REJECTION_RESULT, REJECTION_SOURCE } from '../src/dimse/rejection.ts';
import type { RejectionReason } from '../src/dimse/rejection.ts';
import { secureContextOptions } from '../src/dimse/tls.ts';
import { STATUS } from '../src/dimse/services/status.ts';
import type { StatusName } from '../src/dimse/services/status.ts';

type Cells = readonly (string | number)[];

/** What each rejection means for the requestor; complete by its type. */
const REJECTION_MEANINGS: Readonly<Record<RejectionReason, string>> = {
  'no-reason-given': 'A route knows both AE titles, but not from this address.',
  'application-context-name-not-supported': 'The Application Context is not that of DICOM.',
  'calling-ae-title-not-recognized':
    'Routes to the called AE title name others as callers, or the AE title belongs to another certificate (TLS).',
  'called-ae-title-not-recognized': 'No route has this called AE title.',
  'protocol-version-not-supported': 'Bit 0 of Protocol-version is not set.',
  'processing-failure': 'An error of the acceptor; try again later.',
  'temporary-congestion': 'Shutting down, or short of disk space; try again later.',
  'local-limit-exceeded':
    'As many Associations are open as the configuration allows, in all or for the peer’s address.',
};

const ABORT_MEANINGS: Readonly<Record<AbortReason, string>> = {
  'reason-not-specified': 'Source is the service user: see “Aborts” above.',
  'unrecognized-PDU': 'Unknown PDU type.',
  'unexpected-PDU': 'A PDU that has no place in the state of the Association.',
  'unrecognized-PDU-parameter': 'Not used.',
  'unexpected-PDU-parameter': 'A PDV of another Presentation Context or kind than the message at hand needs.',
  'invalid-PDU-parameter-value':
    'A length that contradicts another or exceeds what was announced, a Presentation Context ID that is even, repeated or not accepted.',
};

/** What each Status means, by the service that answers it; complete by its type. */
const STATUS_MEANINGS: Readonly<
  Record<StatusName, Partial<Record<'C-ECHO' | 'C-STORE' | 'N-ACTION' | 'any', string>>>
> = {
  success: {
    'C-ECHO': 'Verified.',
    'C-STORE':
      'The object is on stable storage, or was before, byte for byte or under the same UID with other bytes.',
    'N-ACTION': 'The request is on stable storage; a report follows.',
  },
  'processing-failure': {
    any: 'An error of the acceptor. Nothing was kept; try again.',
  },
  'no-such-sop-instance': { 'N-ACTION': 'Requested SOP Instance UID is not the well-known instance.' },
  'invalid-argument-value': {
    'N-ACTION':
      'A UID is not valid, the Data Set cannot be read, or the Transaction UID is in use for other references.',
  },
  'invalid-object-instance': { 'C-STORE': 'Affected SOP Instance UID is missing or not valid.' },
  'no-such-sop-class': { 'N-ACTION': 'Requested SOP Class UID is not Storage Commitment Push Model.' },
  'missing-attribute': {
    'N-ACTION': 'Action Information lacks the Transaction UID or a reference lacks a UID.',
  },
  'sop-class-not-supported': { 'C-STORE': 'Affected SOP Class UID is missing or no Storage SOP Class.' },
  'no-such-action-type': { 'N-ACTION': 'Action Type ID is not 1.' },
  'unrecognized-operation': { any: 'The operation is not one of the Presentation Context’s SOP Class.' },
  'resource-limitation': {
    'N-ACTION': 'Too many references, or too many reports are owed already; try again later.',
  },
  'out-of-resources': {
    'C-STORE': 'No space above the reserve, or the disk failed to write. Nothing was kept; try again later.',
  },
  'data-set-does-not-match-sop-class': {
    'C-STORE': 'The UIDs of the command are not those of the Data Set. Nothing was kept.',
  },
  'cannot-understand': {
    'C-STORE':
      'No Data Set, one that cannot be read in the Transfer Syntax negotiated, or one without Study, Series or SOP Instance UID.',
  },
};

const FAILURE_MEANINGS: Readonly<Record<FailureReason, string>> = {
  'processing-failure': 'The object on disk is damaged or could not be read.',
  'no-such-object-instance': 'No such object of this customer, or its file is gone.',
  'class-instance-conflict': 'The object is there under another SOP Class.',
  'resource-limitation': 'It could not be verified for want of resources.',
};

/** Tables of the DICOM Conformance Statement by the name of their place in it. */
export function conformanceTables(): ReadonlyMap<string, string> {
  return new Map([
    ['implementation', implementationTable()],
    ['storage-sop-classes', sopClassTable()],
    ['transfer-syntaxes', transferSyntaxTable()],
    ['rejections', rejectionTable()],
    ['aborts', abortTable()],
    ['c-echo-statuses', statusTable('C-ECHO')],
    ['c-store-statuses', statusTable('C-STORE')],
    ['n-action-statuses', statusTable('N-ACTION')],
    ['n-event-report', eventTable()],
    ['failure-reasons', failureTable()],
    ['settings', settingTable()],
    ['tls', tlsTable()],
  ]);
}

const startOf = (name: string): string => `<!-- ${name}: generated by \`npm run docs:conformance\` -->`;
const endOf = (name: string): string => `<!-- end of ${name} -->`;

/** Puts the tables into the document. @throws Error where it lacks the place of one. */
export function insertTables(document: string, tables: ReadonlyMap<string, string>): string {
  let text = document;
  for (const [name, table] of tables) {
    const start = text.indexOf(startOf(name));
    const end = text.indexOf(endOf(name));
    if (start < 0 || end < start) throw new Error(`docs/dicom-conformance.md has no place for ${name}`);
    text = `${text.slice(0, start + startOf(name).length)}\n\n${table}\n\n${text.slice(end)}`;
  }
  return text;
}

function table(head: readonly string[], rows: readonly Cells[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function hex(value: number): string {
  return `\`${value.toString(16).toUpperCase().padStart(4, '0')}\``;
}

function words(name: string): string {
  return name.replaceAll('-', ' ').replace(/\b(?:sop|pdu)\b/g, (word) => word.toUpperCase());
}

function implementationTable(): string {
  return table(
    ['Item', 'Value'],
    [
      ['Implementation Class UID', `\`${IMPLEMENTATION_CLASS_UID}\``],
      ['Implementation Version Name', `\`${IMPLEMENTATION_VERSION_NAME}\``],
    ],
  );
}

function sopClassTable(): string {
  return table(
    ['SOP Class', 'UID'],
    STORAGE_SOP_CLASSES.map(({ name, uid, retired }) => [retired ? `${name} (retired)` : name, `\`${uid}\``]),
  );
}

function transferSyntaxTable(): string {
  return table(
    ['Transfer Syntax', 'UID'],
    TRANSFER_SYNTAXES.map(({ name, uid, retired, standard }) => [
      retired ? `${name} (retired)` : standard ? name : `${name} (private)`,
      `\`${uid}\``,
    ]),
  );
}

function rejectionTable(): string {
  const reasons = Object.keys(REJECTIONS) as RejectionReason[];
  return table(
    ['Result', 'Source', 'Reason', 'When'],
    reasons.map((name) => {
      const { result, source, reason } = REJECTIONS[name];
      return [
        `${REJECTION_RESULT[result]} ${words(result)}`,
        `${REJECTION_SOURCE[source]} ${source}`,
        `${reason} ${words(name)}`,
        REJECTION_MEANINGS[name],
      ];
    }),
  );
}

function abortTable(): string {
  const reasons = (Object.keys(ABORT_REASON) as AbortReason[]).filter(
    (name) => ABORT_MEANINGS[name] !== 'Not used.',
  );
  return table(
    ['Reason', 'When'],
    reasons.map((name) => [`${ABORT_REASON[name]} ${name}`, ABORT_MEANINGS[name]]),
  );
}

function statusTable(service: 'C-ECHO' | 'C-STORE' | 'N-ACTION'): string {
  const names = Object.keys(STATUS) as StatusName[];
  return table(
    ['Status', 'Name', 'Meaning'],
    names.flatMap((name): Cells[] => {
      const meaning = STATUS_MEANINGS[name][service] ?? STATUS_MEANINGS[name].any;
      return meaning === undefined ? [] : [[hex(STATUS[name]), words(name), meaning]];
    }),
  );
}

function eventTable(): string {
  return table(
    ['Event Type ID', 'Event', 'Event Information'],
    [
      [COMMITMENT_EVENT_TYPE['all-committed'], 'all committed', 'Transaction UID, Referenced SOP Sequence'],
      [
        COMMITMENT_EVENT_TYPE['failures-exist'],
        'failures exist',
        'Transaction UID, Failed SOP Sequence with Failure Reason, Referenced SOP Sequence where some are committed',
      ],
    ],
  );
}

function failureTable(): string {
  const reasons = Object.keys(FAILURE_REASON) as FailureReason[];
  return table(
    ['Failure Reason', 'Name', 'Meaning'],
    reasons.map((name) => [hex(FAILURE_REASON[name]), words(name), FAILURE_MEANINGS[name]]),
  );
}

function settingTable(): string {
  const { dimse } = configSchema.parse({
    customers: { any: { expressCustomerId: `cus_${'0'.repeat(32)}` } },
  });
  const rows = [
    ['host', 'Address', ''],
    ['port', 'TCP port', ''],
    ['maxAssociations', 'Associations at the same time', ''],
    ['maxAssociationsPerPeer', 'Associations at the same time from one address', ''],
    ['maxPduLengthBytes', 'Maximum Length Received', 'bytes'],
    ['artimTimeoutSeconds', 'ARTIM timer', 's'],
    ['idleTimeoutSeconds', 'Longest silence of the requestor', 's'],
    ['minBytesPerSecond', 'Least rate inside a message', 'bytes/s'],
    ['commitmentReportDays', 'How long a storage commitment report is tried', 'days'],
  ] as const satisfies readonly (readonly [keyof typeof dimse, string, string])[];
  return table(
    ['Parameter', 'Setting', 'Default'],
    rows.map(([name, meaning, unit]) => [meaning, `\`dimse.${name}\``, `${dimse[name]} ${unit}`.trim()]),
  );
}

function tlsTable(): string {
  const { minVersion, maxVersion, ciphers = '' } = secureContextOptions({ cert: '', key: '' });
  return table(
    ['Item', 'Value'],
    [
      ['Versions', `${minVersion ?? ''} to ${maxVersion ?? ''}`],
      [
        'Cipher suites, in the order of preference',
        ciphers
          .split(':')
          .map((name) => `\`${name}\``)
          .join(', '),
      ],
    ],
  );
}
