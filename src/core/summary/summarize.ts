import { CERTIFICATE_HOLDERS, type CertificateView } from './certificates.ts';
import { bytesOf, countOf, spanOf } from './in-words.ts';

/** `bad`: images or studies do not get where they should, and somebody must act. `warn`: somebody should look. */
export type Severity = 'bad' | 'warn';

/** What somebody should look into. */
export interface Problem {
  readonly kind:
    | 'starting'
    | 'disk-full'
    | 'disk-filling'
    | 'key-refused'
    | 'avara-unreachable'
    | 'customer-unknown'
    | 'damaged'
    | 'attention'
    | 'reports'
    | 'silent'
    | 'site-silent'
    | 'refused-senders'
    | 'quarantine'
    | 'folder'
    | 'files-stuck'
    | 'certificate';
  readonly severity: Severity;
  /** One sentence without a full stop at its end: what is, and what follows from it. No patient data. */
  readonly text: string;
}

/** What the state of the daemon is judged by. Times are milliseconds since 1970 UTC. */
export interface DaemonFacts {
  readonly now: number;
  readonly isListening: boolean;
  readonly freeBytes: number;
  readonly isBelowReserve: boolean;
  /** When the disk will be full, where that can be told. */
  readonly diskFullAt?: number;
  readonly pendingDeliveries: number;
  readonly deliveriesNeedingAttention: number;
  readonly reportsNeedingAttention: number;
  /** API keys that Avara refuses. */
  readonly refusedKeys: number;
  readonly avaraUnreachableSince?: number;
  /** Customers that Avara does not know or has deactivated: `north-clinic`. */
  readonly unknownCustomers: readonly string[];
  /** Stored objects that are missing or damaged. */
  readonly damagedObjects: number;
  /** Senders that are silent against their habit: `CT1`. */
  readonly silentSenders: readonly string[];
  /** Customers none of whose senders sends: rather the line than the modalities. */
  readonly silentCustomers: readonly string[];
  /** Refused within the last day and still not admitted. */
  readonly refusedSenders: number;
  readonly quarantined: number;
  /** Paths of watched folders that are not watched. */
  readonly foldersInTrouble: readonly string[];
  /** What files of watched folders are stuck with: `/srv/inbox: 2 files cannot be read (EACCES)`. */
  readonly stuckFiles: readonly string[];
  readonly certificates: readonly CertificateView[];
  readonly openAssociations: number;
  readonly imagesPerSecond: number;
  readonly lastImageAt?: number;
}

/** The state of the daemon in a sentence or two, and what it is made of. */
export interface Summary {
  readonly state: 'good' | Severity;
  readonly sentence: string;
  readonly problems: readonly Problem[];
}

const DAY_MS = 86_400_000;
/** When a disk that fills up, or a certificate that expires, becomes a matter of now. */
const DISK_SOON_MS = 14 * DAY_MS;
const CERTIFICATE_SOON_DAYS = 21;
/** An outage of a few minutes is nobody's business. */
const UNREACHABLE_MS = 5 * 60_000;
const MAX_NAMED = 3;

/** Says how the daemon is, as somebody on the phone would want to hear it. */
export function summarize(facts: DaemonFacts): Summary {
  const problems = problemsOf(facts);
  const isBad = problems.some(({ severity }) => severity === 'bad');
  const state = isBad ? 'bad' : problems.length > 0 ? 'warn' : 'good';
  const [first] = problems;
  if (first === undefined) return { state, sentence: `All is well. ${intakeSentence(facts)}`, problems };
  const others = problems.length - 1;
  const more = others === 0 ? '' : ` ${countOf(others, 'other thing')} to look at.`;
  return { state, sentence: `${first.text}.${more}`, problems };
}

/** Worst first. */
function problemsOf(facts: DaemonFacts): Problem[] {
  const problems: Problem[] = [];
  const add = (severity: Severity, kind: Problem['kind'], text: string): void => {
    problems.push({ severity, kind, text });
  };
  const waiting = facts.pendingDeliveries;
  const waitingText =
    waiting === 0 ? '' : `; ${countOf(waiting, 'study waits', 'studies wait')} here meanwhile`;

  if (!facts.isListening) add('bad', 'starting', 'The daemon is starting or stopping and takes nothing in');
  if (facts.isBelowReserve)
    add(
      'bad',
      'disk-full',
      `The disk is full (${bytesOf(facts.freeBytes)} left): no image is accepted until space is freed`,
    );
  if (facts.damagedObjects > 0)
    add(
      'bad',
      'damaged',
      `${countOf(facts.damagedObjects, 'stored image is', 'stored images are')} missing or damaged`,
    );
  if (facts.refusedKeys > 0)
    add(
      'bad',
      'key-refused',
      `Avara refuses ${facts.refusedKeys === 1 ? 'an API key' : countOf(facts.refusedKeys, 'API key')}${waitingText}`,
    );
  const outage = facts.avaraUnreachableSince === undefined ? 0 : facts.now - facts.avaraUnreachableSince;
  if (outage > UNREACHABLE_MS)
    add('bad', 'avara-unreachable', `Avara has not answered for ${spanOf(outage)}${waitingText}`);
  if (facts.deliveriesNeedingAttention > 0)
    add(
      'bad',
      'attention',
      `${countOf(facts.deliveriesNeedingAttention, 'study needs', 'studies need')} attention before Avara takes ${facts.deliveriesNeedingAttention === 1 ? 'it' : 'them'}`,
    );
  if (facts.unknownCustomers.length > 0)
    add('bad', 'customer-unknown', `Avara does not know or has deactivated ${names(facts.unknownCustomers)}`);
  if (facts.reportsNeedingAttention > 0)
    add(
      'bad',
      'reports',
      `${countOf(facts.reportsNeedingAttention, 'report has', 'reports have')} not got to where ${facts.reportsNeedingAttention === 1 ? 'it goes' : 'they go'}`,
    );
  if (facts.foldersInTrouble.length > 0)
    add(
      'bad',
      'folder',
      `Nothing is taken from ${facts.foldersInTrouble.length === 1 ? 'the watched folder' : 'the watched folders'} ${names(facts.foldersInTrouble)}`,
    );
  for (const stuck of facts.stuckFiles) add('warn', 'files-stuck', `In ${stuck}`);
  if (facts.silentCustomers.length > 0)
    add(
      'warn',
      'site-silent',
      `Nothing comes from any sender of ${names(facts.silentCustomers)}, against their habit: a holiday, or the network`,
    );
  if (facts.silentSenders.length > 0)
    add(
      'warn',
      'silent',
      `${names(facts.silentSenders)} ${facts.silentSenders.length === 1 ? 'has' : 'have'} been silent for longer than usual`,
    );
  if (facts.refusedSenders > 0)
    add(
      'warn',
      'refused-senders',
      `${countOf(facts.refusedSenders, 'unknown sender was', 'unknown senders were')} turned away within a day`,
    );
  if (facts.quarantined > 0)
    add(
      'warn',
      'quarantine',
      `${countOf(facts.quarantined, 'file')} could not be taken in and ${facts.quarantined === 1 ? 'is' : 'are'} in quarantine`,
    );
  const fullIn = facts.diskFullAt === undefined ? Infinity : facts.diskFullAt - facts.now;
  if (!facts.isBelowReserve && fullIn < DISK_SOON_MS)
    add('warn', 'disk-filling', `The disk will be full in about ${spanOf(fullIn)}`);
  for (const certificate of facts.certificates)
    if (certificate.daysLeft < CERTIFICATE_SOON_DAYS)
      add(certificate.daysLeft < 0 ? 'bad' : 'warn', 'certificate', certificateText(certificate));
  return problems;
}

function intakeSentence({ now, openAssociations, imagesPerSecond, lastImageAt }: DaemonFacts): string {
  if (imagesPerSecond > 0)
    return `Images are coming in${openAssociations > 0 ? ` over ${countOf(openAssociations, 'Association')}` : ''}.`;
  if (lastImageAt === undefined) return 'Nothing has come in yet.';
  return `The last image came ${spanOf(now - lastImageAt)} ago.`;
}

function certificateText({ listener, daysLeft }: CertificateView): string {
  const whose = `The TLS certificate of ${CERTIFICATE_HOLDERS[listener]}`;
  return daysLeft < 0
    ? `${whose} has expired`
    : `${whose} expires in ${countOf(Math.floor(daysLeft), 'day')}`;
}

/** `CT1, MR1 and US2`, the rest as a number. */
function names(all: readonly string[]): string {
  const named = all.length > MAX_NAMED + 1 ? all.slice(0, MAX_NAMED) : all;
  const rest = all.length - named.length;
  const parts = rest === 0 ? named : [...named, `${rest} more`];
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}`;
}
