/** Stands where something was taken out of a log line. */
export const REDACTED = '[redacted]';

/** Deeper structures are cut off: a log line is no dump. */
const MAX_DEPTH = 6;
/** Most entries of a list or object that are kept. */
const MAX_ENTRIES = 100;
/** Longest text that is kept, characters. */
const MAX_TEXT_LENGTH = 8192;

/**
 * Names whose values never reach a log, compared without case, `_`, `-` and spaces. Patient data by the names that
 * DICOM, DICOM JSON and Avara use for it, and secrets.
 */
const DENIED_NAMES: ReadonlySet<string> = new Set([
  // Patient and order identity: PS3.6 keywords, then Avara's report metadata.
  'patient',
  'patientname',
  'patientid',
  'otherpatientids',
  'otherpatientnames',
  'issuerofpatientid',
  'externalpatientid',
  'patientbirthdate',
  'patientbirthtime',
  'patientbirthname',
  'patientmothersbirthname',
  'patientsex',
  'patientage',
  'patientsize',
  'patientweight',
  'patientaddress',
  'patienttelephonenumbers',
  'patientcomments',
  'additionalpatienthistory',
  'accessionnumber',
  'referringphysicianname',
  'requestingphysician',
  'performingphysicianname',
  'operatorsname',
  'admittingdiagnosesdescription',
  'reasonforstudy',
  'studydescription',
  'mrn',
  'dateofbirth',
  'birthdate',
  'reportmetadata',
  'clinicalhistory',
  'clinicalindication',
  'reporttext',
  // Secrets.
  'token',
  'accesstoken',
  'bearertoken',
  'admintoken',
  'apikey',
  'webhooksecret',
  'webhooksecrets',
  'secret',
  'secrets',
  'password',
  'passphrase',
  'keypassphrase',
  'privatekey',
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'signature',
  'xavarasignature',
  'webhooksignature',
]);

/** Tags whose values never reach a log, as DICOM JSON names them: group 0010 (patient), and (0008,0050), (0008,0090). */
const DENIED_TAG = /^(?:0010[0-9a-f]{4}|00080050|00080090)$/i;

/** Secrets inside text: query parameters, bearer tokens, Avara's keys and webhook secrets. */
const SECRETS_IN_TEXT: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/([?&](?:token|sig|signature|access_token)=)[^&\s"']+/gi, `$1${REDACTED}`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  [/\bsk_(?:live|test)_\w+/g, REDACTED],
  [/\bwhsec_[\w+/=-]+/g, REDACTED],
];

/** Text without the secrets that are recognisable by their form, and not longer than a log line should be. */
export function redactText(text: string): string {
  const cleaned = SECRETS_IN_TEXT.reduce(
    (current, [pattern, replacement]) => current.replace(pattern, replacement),
    text,
  );
  return cleaned.length <= MAX_TEXT_LENGTH ? cleaned : `${cleaned.slice(0, MAX_TEXT_LENGTH)}…`;
}

/**
 * The last guard before a log line is written: replaces the values of denied names at any depth, and cuts what is
 * too big. Callers still log no patient data; this catches the mistake. Never throws, changes nothing in place.
 */
export function redact(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactObject(fields, 0, new Set());
}

function redactObject(object: object, depth: number, above: Set<object>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  above.add(object);
  let count = 0;
  for (const key of Object.keys(object)) {
    count += 1;
    if (count > MAX_ENTRIES) {
      kept['…'] = 'more';
      break;
    }
    kept[key] = isDenied(key) ? REDACTED : redactValue(readProperty(object, key), depth + 1, above);
  }
  above.delete(object);
  return kept;
}

function redactValue(value: unknown, depth: number, above: Set<object>): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (above.has(value)) return '[circular]';
  if (depth > MAX_DEPTH) return '[nested too deeply]';
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return redactError(value, depth, above);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (Array.isArray(value)) return redactList(value, depth, above, value);
  if (value instanceof Set) return redactList([...value], depth, above, value);
  if (value instanceof Map) return redactObject(Object.fromEntries<unknown>(value), depth, above);
  const json = jsonForm(value);
  return json === value ? redactObject(value, depth, above) : redactValue(json, depth + 1, above);
}

function redactList(items: readonly unknown[], depth: number, above: Set<object>, list: object): unknown[] {
  above.add(list);
  const kept = items.slice(0, MAX_ENTRIES).map((item) => redactValue(item, depth + 1, above));
  above.delete(list);
  return items.length > MAX_ENTRIES ? [...kept, `… ${items.length - MAX_ENTRIES} more`] : kept;
}

function redactError(error: Error, depth: number, above: Set<object>): Record<string, unknown> {
  const own = redactObject(error, depth, above);
  above.add(error);
  const cause = error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1, above) };
  above.delete(error);
  return {
    ...own,
    type: error.name,
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...cause,
  };
}

/** What JSON would make of it: classes such as `Secret` and `URL` say there how they may be shown. */
function jsonForm(value: object): unknown {
  if (!('toJSON' in value) || typeof value.toJSON !== 'function') return value;
  try {
    return (value.toJSON as () => unknown)();
  } catch {
    return '[unreadable]';
  }
}

function readProperty(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    return '[unreadable]';
  }
}

function isDenied(name: string): boolean {
  return DENIED_NAMES.has(name.toLowerCase().replace(/[_\-\s]/g, '')) || DENIED_TAG.test(name);
}
