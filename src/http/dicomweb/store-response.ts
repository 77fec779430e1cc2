import type { UploadFailure, UploadOutcome } from '../../core/ingest/store-upload.ts';
import type { Uid } from '../../dicom/uid.ts';

/** Failure Reason (0008,1197): PS3.18 table I.2-2, and one of our own from the range of Cannot Understand. */
const FAILURE_REASONS: Readonly<Record<UploadFailure, number>> = {
  'out-of-resources': 0xa700,
  'processing-failure': 0x0110,
  'cannot-understand': 0xc000,
  'sop-class-not-supported': 0x0122,
  'other-study': 0xc409,
};
/** Warning Reason (0008,1196): Duplicate SOP Instance (PS3.7 C.5.14), with other bytes; both are kept. */
const CONFLICT_WARNING = 0x0111;
const RETRY_AFTER_SECONDS = '30';

/** What became of a whole request, as it is answered (PS3.18 10.5.3). */
export interface StoreAnswer {
  readonly status: 200 | 202 | 409 | 503;
  readonly headers: Readonly<Record<string, string>>;
}

/** Decides on the status. @param outcomes at least one. */
export function storeAnswer(outcomes: readonly UploadOutcome[]): StoreAnswer {
  const failures = outcomes.filter((outcome) => outcome.kind === 'failed');
  const isPerfect = outcomes.every(({ kind }) => kind === 'stored' || kind === 'duplicate');
  if (isPerfect) return { status: 200, headers: {} };
  if (failures.length < outcomes.length) return { status: 202, headers: {} };
  const mayPass = failures.every(
    ({ failure }) => failure === 'out-of-resources' || failure === 'processing-failure',
  );
  return mayPass
    ? { status: 503, headers: { 'Retry-After': RETRY_AFTER_SECONDS } }
    : { status: 409, headers: {} };
}

/** The Store Instances Response Module in DICOM JSON (PS3.18 annex I), in pieces, so that many instances cost no pause. */
export function* storeResponse(
  outcomes: readonly UploadOutcome[],
  serviceUrl: string,
): Generator<string, void> {
  const kept = outcomes.filter((outcome) => outcome.kind !== 'failed');
  const failures = outcomes.filter((outcome) => outcome.kind === 'failed');
  const named = failures.filter(({ sopInstanceUid }) => sopInstanceUid !== undefined);
  const studies = new Set(kept.map(({ key }) => key.studyInstanceUid));
  const [study] = studies;
  let separator = '{';
  if (study !== undefined && studies.size === 1) {
    yield `${separator}"00081190":${JSON.stringify(element('UR', `${serviceUrl}/studies/${study}`))}`;
    separator = ',';
  }
  for (const [tag, items] of [
    ['00081198', map(named, failedItem)],
    ['00081199', map(kept, (outcome) => keptItem(outcome, serviceUrl))],
    [
      '0008119A',
      map(
        failures.filter(({ sopInstanceUid }) => sopInstanceUid === undefined),
        otherItem,
      ),
    ],
  ] as const) {
    let start = `${separator}"${tag}":{"vr":"SQ","Value":[`;
    for (const item of items) {
      yield `${start}${JSON.stringify(item)}`;
      start = ',';
    }
    if (start !== ',') continue;
    yield ']}';
    separator = ',';
  }
  yield separator === '{' ? '{}' : '}';
}

type Failed = Extract<UploadOutcome, { kind: 'failed' }>;
type Kept = Exclude<UploadOutcome, { kind: 'failed' }>;

function failedItem({ failure, sopClassUid, sopInstanceUid }: Failed): object {
  return { ...references(sopClassUid, sopInstanceUid), '00081197': element('US', FAILURE_REASONS[failure]) };
}

function otherItem({ failure }: Failed): object {
  return { '00081197': element('US', FAILURE_REASONS[failure]) };
}

function keptItem({ kind, key, sopClassUid }: Kept, serviceUrl: string): object {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = key;
  const url = `${serviceUrl}/studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}`;
  return {
    ...references(sopClassUid, sopInstanceUid),
    '00081190': element('UR', url),
    ...(kind === 'conflict' && { '00081196': element('US', CONFLICT_WARNING) }),
  };
}

function references(sopClassUid: Uid | undefined, sopInstanceUid: Uid | undefined): object {
  return {
    ...(sopClassUid !== undefined && { '00081150': element('UI', sopClassUid) }),
    ...(sopInstanceUid !== undefined && { '00081155': element('UI', sopInstanceUid) }),
  };
}

function element(vr: 'UI' | 'UR' | 'US', value: string | number): object {
  return { vr, Value: [value] };
}

function* map<T, R>(items: readonly T[], make: (item: T) => R): Generator<R, void> {
  for (const item of items) yield make(item);
}
