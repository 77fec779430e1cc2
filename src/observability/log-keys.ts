/**
 * Field names of log lines that operators and log pipelines may rely on, with what they hold. A name is never given
 * another meaning. Every line also has `time` (ISO 8601, UTC), `level` and `msg`.
 */
export const LOG_KEYS = {
  event: 'what happened, as a stable dotted name',
  err: 'an error: type, message, code, stack, cause',
  hint: 'what an operator can do about it',
  component: 'part of the daemon that speaks: dimse, http, folder, storage, sqlite, avara',
  associationId: 'one Association, unique within this process',
  intakeId: 'one Association, request or import run that brought instances',
  callingAeTitle: 'AE title of the peer',
  calledAeTitle: 'AE title that the peer asked for',
  peerAddress: 'IP address of the peer',
  customer: 'key of the customer in the configuration',
  studyInstanceUid: 'Study Instance UID (0020,000D)',
  seriesInstanceUid: 'Series Instance UID (0020,000E)',
  sopInstanceUid: 'SOP Instance UID (0008,0018)',
  sopClassUid: 'SOP Class UID (0008,0016)',
  transferSyntaxUid: 'Transfer Syntax UID (0002,0010)',
  transactionUid: 'Transaction UID (0008,1195) of a storage commitment request',
  product: 'Avara product: viewer or autoScribe',
  avaraStudyId: 'Avara’s id of a study',
  attempts: 'how often it has been tried, counting this time',
  keyId: 'id of a key that signs object URLs',
  instances: 'number of SOP Instances',
  bytes: 'size in bytes',
  durationMs: 'how long it took, milliseconds',
  host: 'address a listener is bound to',
  port: 'TCP port',
  alert: 'an alert, by its rule and what it is about',
  channel: 'way to tell somebody: webhook or mail',
  listener: 'which listener a certificate is of: dimse or http',
  changes: 'what a reload changed, by section: names of entries added, changed, removed',
  logLevel: 'level of the log from now on',
  version: 'version of the program',
  configFile: 'path of the configuration file',
  dataDir: 'path of the data folder',
  signal: 'signal that the process received',
  exitCode: 'what the process ends with',
} as const;

export type LogKey = keyof typeof LOG_KEYS;
