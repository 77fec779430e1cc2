import type { AuditEntry } from '../core/ports/audit-trail.ts';

/** A code of PS3.16 CID 400 and following, as PS3.15 A.5 writes it. */
interface Code {
  readonly code: string;
  readonly text: string;
}
const dcm = (code: string, text: string): Code => ({ code, text });

/** PS3.16 CID 400 Audit Event ID. */
const EVENTS = {
  application: dcm('110100', 'Application Activity'),
  accessed: dcm('110103', 'DICOM Instances Accessed'),
  transferred: dcm('110104', 'DICOM Instances Transferred'),
  deleted: dcm('110105', 'DICOM Study Deleted'),
  security: dcm('110113', 'Security Alert'),
  authentication: dcm('110114', 'User Authentication'),
} as const;

type Action = 'C' | 'R' | 'U' | 'D' | 'E';

interface Mapping {
  readonly event: Code;
  readonly action: Action;
  /** 0: success, 4: minor failure, 8: serious failure. */
  readonly outcome: 0 | 4 | 8;
  /** PS3.16 CID 401 Audit Event Type Code. */
  readonly type?: Code;
}

const START = dcm('110120', 'Application Start');
const STOP = dcm('110121', 'Application Stop');
const LOGIN = dcm('110122', 'Login');
const NODE_AUTHENTICATION = dcm('110126', 'Node Authentication');
const SECURITY_CONFIGURATION = dcm('110131', 'Security Configuration');

/** Which events of our trail are told, and as what; the longest name that an event begins with counts. */
const MAPPINGS: readonly (readonly [prefix: string, mapping: Mapping])[] = [
  ['daemon.started', { event: EVENTS.application, action: 'E', outcome: 0, type: START }],
  ['daemon.stopped', { event: EVENTS.application, action: 'E', outcome: 0, type: STOP }],
  ['command.started', { event: EVENTS.application, action: 'E', outcome: 0, type: START }],
  ['command.ended', { event: EVENTS.application, action: 'E', outcome: 0, type: STOP }],
  ['object.served', { event: EVENTS.transferred, action: 'R', outcome: 0 }],
  ['object.refused', { event: EVENTS.security, action: 'E', outcome: 4, type: NODE_AUTHENTICATION }],
  ['study.access_granted', { event: EVENTS.accessed, action: 'R', outcome: 0 }],
  ['study.access_refused', { event: EVENTS.accessed, action: 'R', outcome: 4 }],
  ['ephemeral.access_granted', { event: EVENTS.accessed, action: 'R', outcome: 0 }],
  ['ephemeral.access_refused', { event: EVENTS.accessed, action: 'R', outcome: 4 }],
  ['study.opened', { event: EVENTS.accessed, action: 'R', outcome: 0 }],
  ['study.moved', { event: EVENTS.accessed, action: 'U', outcome: 0 }],
  ['study.removed', { event: EVENTS.deleted, action: 'D', outcome: 0 }],
  ['capture.uploaded', { event: EVENTS.transferred, action: 'C', outcome: 0 }],
  ['dicomweb.stored', { event: EVENTS.transferred, action: 'C', outcome: 0 }],
  ['dicomweb.refused', { event: EVENTS.security, action: 'E', outcome: 4, type: NODE_AUTHENTICATION }],
  ['dicomweb.', { event: EVENTS.accessed, action: 'R', outcome: 0 }],
  ['open.refused', { event: EVENTS.security, action: 'E', outcome: 4, type: NODE_AUTHENTICATION }],
  ['admin.picture_shown', { event: EVENTS.accessed, action: 'R', outcome: 0 }],
  ['admin.logged_in', { event: EVENTS.authentication, action: 'E', outcome: 0, type: LOGIN }],
  ['admin.login_refused', { event: EVENTS.authentication, action: 'E', outcome: 4, type: LOGIN }],
  ['config.reloaded', { event: EVENTS.security, action: 'E', outcome: 0, type: SECURITY_CONFIGURATION }],
  ['audit.entries_lost', { event: EVENTS.security, action: 'E', outcome: 8 }],
];

export interface AuditSource {
  /** Host name. */
  readonly sourceId: string;
  readonly enterpriseSiteId?: string | undefined;
}

/**
 * A record of the trail as an audit message of PS3.15 A.5.1 (XML). No patient data: studies are named by UID alone.
 * @returns undefined for what is not told.
 */
export function dicomAuditMessage(
  record: AuditEntry & { readonly at: string },
  source: AuditSource,
): string | undefined {
  const mapping = mappingOf(record.event);
  if (mapping === undefined) return undefined;
  const { event, action, outcome, type } = mapping;
  const { at, actor, peerAddress, studyInstanceUid, sopInstanceUid, detail, customer } = record;
  const isPerson = /^(?:admin\.|command\.|study\.opened)/.test(record.event);
  return [
    '<?xml version="1.0" encoding="UTF-8"?><AuditMessage>',
    `<EventIdentification EventActionCode="${action}" EventDateTime="${attribute(at)}" EventOutcomeIndicator="${outcome}">`,
    codeElement('EventID', event),
    type === undefined ? '' : codeElement('EventTypeCode', type),
    detail === undefined ? '' : `<EventOutcomeDescription>${text(detail)}</EventOutcomeDescription>`,
    '</EventIdentification>',
    `<ActiveParticipant UserID="${attribute(actor ?? peerAddress ?? 'unknown')}" UserIsRequestor="true"`,
    peerAddress === undefined
      ? ''
      : ` NetworkAccessPointID="${attribute(peerAddress)}" NetworkAccessPointTypeCode="2"`,
    isPerson
      ? '/>'
      : `>${codeElement('RoleIDCode', dcm('110152', 'Destination Role ID'))}</ActiveParticipant>`,
    `<ActiveParticipant UserID="avara-ingest" AlternativeUserID="${process.pid}" UserIsRequestor="false">`,
    codeElement(
      'RoleIDCode',
      event === EVENTS.application ? dcm('110150', 'Application') : dcm('110153', 'Source Role ID'),
    ),
    '</ActiveParticipant>',
    `<AuditSourceIdentification AuditSourceID="${attribute(source.sourceId)}"`,
    source.enterpriseSiteId === undefined
      ? ''
      : ` AuditEnterpriseSiteID="${attribute(source.enterpriseSiteId)}"`,
    '><AuditSourceTypeCode csd-code="4" codeSystemName="DCM" originalText="Application Server"/></AuditSourceIdentification>',
    studyInstanceUid === undefined ? '' : studyObject(studyInstanceUid, sopInstanceUid, customer),
    '</AuditMessage>',
  ].join('');
}

function mappingOf(event: string): Mapping | undefined {
  const fits = MAPPINGS.filter(
    ([prefix]) => event === prefix || (prefix.endsWith('.') && event.startsWith(prefix)),
  );
  return fits.sort(([a], [b]) => b.length - a.length)[0]?.[1];
}

/** A study (PS3.15 A.5.2.5: role 3, Report), with the instance where only one is meant. */
function studyObject(study: string, instance: string | undefined, customer: string | undefined): string {
  const description =
    instance === undefined
      ? ''
      : `<ParticipantObjectDescription><SOPClass NumberOfInstances="1"><Instance UID="${attribute(instance)}"/></SOPClass></ParticipantObjectDescription>`;
  const detail =
    customer === undefined
      ? ''
      : `<ParticipantObjectDetail type="customer" value="${Buffer.from(customer).toString('base64')}"/>`;
  return [
    `<ParticipantObjectIdentification ParticipantObjectID="${attribute(study)}" ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="3">`,
    codeElement('ParticipantObjectIDTypeCode', dcm('110180', 'Study Instance UID')),
    detail,
    description,
    '</ParticipantObjectIdentification>',
  ].join('');
}

function codeElement(name: string, { code, text: meaning }: Code): string {
  return `<${name} csd-code="${code}" codeSystemName="DCM" originalText="${attribute(meaning)}"/>`;
}

/** Characters that XML 1.0 cannot hold are dropped; the rest is escaped. */
function text(value: string): string {
  return value
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

function attribute(value: string): string {
  return text(value)
    .replaceAll('"', '&quot;')
    .replace(/[\t\n\r]/g, ' ');
}
