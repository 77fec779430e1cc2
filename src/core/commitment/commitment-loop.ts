import type { CommitmentEventInformation } from '../../dicom/storage-commitment.ts';
import { retryDelay } from '../delivery/retry-policy.ts';
import type { BackoffOptions } from '../delivery/retry-policy.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommitmentReporter, ReportOutcome } from '../ports/commitment-reporter.ts';
import type {
  CommitmentRequest,
  CommitmentRequests,
  ReferenceFailure,
} from '../ports/commitment-requests.ts';
import type { Logger } from '../ports/logger.ts';
import { verifyReferences } from './verify-references.ts';
import type { VerifyReferencesOptions } from './verify-references.ts';

export interface CommitmentLoopOptions extends Pick<VerifyReferencesOptions, 'index' | 'store'> {
  readonly requests: CommitmentRequests;
  readonly reporter: CommitmentReporter;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A report that could not be delivered for so long after its request is given up. */
  readonly giveUpAfterMs: number;
  /** Requestors served at once, each one request at a time. Default 4. */
  readonly concurrency?: number;
  readonly backoff?: BackoffOptions;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/** Verifies accepted requests and reports on them until their requestors have heard; see {@link createCommitmentLoop}. */
export interface CommitmentLoop {
  start(): void;
  /** A request of this requestor came in: it is there, so whatever it is owed is tried at once. */
  wake(callingAeTitle: string): void;
  /** Tries everything that is owed at once, for example because the configured peers changed. */
  wakeAll(): void;
  /** Begins nothing more, and gives up what is under way at the deadline. Nothing is lost: requests are durable. */
  stop(deadlineMs: number): Promise<void>;
}

/** A modality that was switched off for the night is found soon after it is back. */
const REPORT_BACKOFF: BackoffOptions = { baseMs: 5_000, capMs: 300_000 };
/** Never sooner than this after a failure, so that nothing is tried in a tight circle. */
const MIN_REST_MS = 1_000;
/** How long settled requests are remembered, to recognize a repeated one. */
const REMEMBER_MS = 7 * 86_400_000;

/** After what time something is tried again, and how often it has failed so far. */
interface Hold {
  readonly until: number;
  readonly failures: number;
}

/**
 * The background work of storage commitment (PS3.4 Annex J): each accepted request is verified, object by object, and
 * its result reported; again and again, with a pause per requestor that grows, until it has arrived or is too old.
 */
export function createCommitmentLoop(options: CommitmentLoopOptions): CommitmentLoop {
  const { requests, reporter, index, store, clock, logger, giveUpAfterMs } = options;
  const { concurrency = 4, backoff = REPORT_BACKOFF, random = Math.random } = options;
  /** Requestors that cannot be reached, by AE title. */
  const peerHolds = new Map<string, Hold>();
  /** Requests that failed alone, by id. */
  const requestHolds = new Map<number, Hold>();
  const inFlight = new Map<string, Promise<void>>();
  /** Ends verification, which is repeated after the next start anyway. */
  const stopping = new AbortController();
  /** Ends reports under way. */
  const giveUp = new AbortController();
  let isRunning = false;
  let cancelSleep: (() => void) | undefined;

  function run(): void {
    cancelSleep?.();
    cancelSleep = undefined;
    if (!isRunning) return;
    let sleepMs: number | undefined;
    try {
      sleepMs = takeOpen();
    } catch (error) {
      logger.error({ err: error }, 'storage commitment requests cannot be read: they wait');
      sleepMs = backoff.capMs;
    }
    if (sleepMs !== undefined) cancelSleep = clock.after(sleepMs, run);
  }

  /** @returns milliseconds until a hold ends; undefined: nothing to wait for. */
  function takeOpen(): number | undefined {
    const now = clock.now();
    while (inFlight.size < concurrency) {
      const exceptPeers = new Set([...inFlight.keys(), ...held(peerHolds, now)]);
      const open = requests.open(concurrency - inFlight.size, exceptPeers, held(requestHolds, now));
      if (open.length === 0) break;
      for (const request of open) launch(request);
    }
    const ends = [...peerHolds.values(), ...requestHolds.values()].map(({ until }) => until);
    const next = Math.min(...ends.filter((until) => until > now));
    return next === Infinity ? undefined : next - now;
  }

  function launch(request: CommitmentRequest): void {
    const work = serve(request)
      .catch((error: unknown) => {
        logger.error({ ...identify(request), err: error }, 'storage commitment failed unexpectedly');
        hold(requestHolds, request.id);
      })
      .finally(() => {
        inFlight.delete(request.callingAeTitle);
        run();
      });
    inFlight.set(request.callingAeTitle, work);
  }

  async function serve(request: CommitmentRequest): Promise<void> {
    const references = requests.references(request.id);
    let failures = requests.verdict(request.id);
    if (failures === undefined) {
      const startedAt = clock.now();
      const verification = { index, store, logger };
      failures = await verifyReferences(request.customer, references, verification, stopping.signal);
      if (failures === undefined) return;
      await requests.saveVerdict(request.id, failures, clock.now());
      logVerdict(request, references.length, failures, clock.now() - startedAt);
    }
    if (!isRunning) return;
    const reasonOf = new Map(failures.map(({ position, reason }) => [position, reason]));
    const event: CommitmentEventInformation = {
      transactionUid: request.transactionUid,
      committed: references.filter((_, position) => !reasonOf.has(position)),
      failed: references.flatMap((reference, position) => {
        const reason = reasonOf.get(position);
        return reason === undefined ? [] : [{ ...reference, reason }];
      }),
    };
    await conclude(request, await reporter.report(request, event, giveUp.signal));
  }

  async function conclude(request: CommitmentRequest, outcome: ReportOutcome): Promise<void> {
    const { id, callingAeTitle, failedAttempts } = request;
    if (outcome.kind === 'delivered') {
      await requests.settle(id, 'reported', clock.now());
      await forget();
      peerHolds.delete(callingAeTitle);
      requestHolds.delete(id);
      logger.info({ ...identify(request), over: outcome.over }, 'storage commitment reported');
      return;
    }
    if (giveUp.signal.aborted) return;
    const reason = outcome.kind === 'unknown-peer' ? 'no address of the requestor is known' : outcome.reason;
    await requests.noteFailure(id, reason);
    const attempts = failedAttempts + 1;
    if (clock.now() - request.acceptedAt >= giveUpAfterMs) {
      await requests.settle(id, 'given-up', clock.now());
      await forget();
      const fields = { ...identify(request), attempts, reason };
      logger.error(fields, 'storage commitment could not be reported and is given up');
      return;
    }
    const isPeersFault = outcome.kind !== 'refused';
    const rest = isPeersFault ? hold(peerHolds, callingAeTitle) : hold(requestHolds, id);
    const retryInSeconds = Math.round((rest.until - clock.now()) / 1000);
    const fields = { ...identify(request), attempts, reason, retryInSeconds };
    if (outcome.kind === 'unknown-peer') logUnknownPeer(request, rest.failures);
    else if (attempts === 1) logger.warn(fields, 'storage commitment could not be reported, will try again');
    else logger.debug(fields, 'storage commitment could not be reported, will try again');
  }

  function logUnknownPeer(request: CommitmentRequest, failures: number): void {
    // Once per requestor until it is seen again, not once per attempt.
    if (failures > 1) return;
    const line = { aeTitle: request.callingAeTitle, host: 'ITS-ADDRESS', port: 104 };
    logger.warn(
      { ...identify(request), hint: `Add to "dimse": "peers": [${JSON.stringify(line)}]` },
      'storage commitment cannot be reported: the Association is closed and the requestor is not among dimse.peers',
    );
  }

  function logVerdict(
    request: CommitmentRequest,
    references: number,
    failures: readonly ReferenceFailure[],
    durationMs: number,
  ): void {
    const reasons: Record<string, number> = {};
    for (const { reason } of failures) reasons[reason] = (reasons[reason] ?? 0) + 1;
    const fields = { ...identify(request), references, failed: failures.length, durationMs };
    if (failures.length === 0) logger.info(fields, 'storage commitment verified');
    else logger.warn({ ...fields, reasons }, 'storage commitment verified, with failures');
  }

  function hold<Key>(holds: Map<Key, Hold>, key: Key): Hold {
    const failures = (holds.get(key)?.failures ?? 0) + 1;
    const delayMs = retryDelay({ attempts: failures, minimumMs: MIN_REST_MS, random, backoff });
    const rest = { until: clock.now() + delayMs, failures };
    holds.set(key, rest);
    return rest;
  }

  async function forget(): Promise<void> {
    await requests.prune(clock.now() - REMEMBER_MS);
  }

  return {
    start() {
      isRunning = true;
      run();
    },
    wake(callingAeTitle) {
      peerHolds.delete(callingAeTitle);
      run();
    },
    wakeAll() {
      peerHolds.clear();
      requestHolds.clear();
      run();
    },
    async stop(deadlineMs) {
      isRunning = false;
      cancelSleep?.();
      cancelSleep = undefined;
      stopping.abort();
      const cancelDeadline = clock.after(deadlineMs, () => giveUp.abort());
      await Promise.all(inFlight.values());
      cancelDeadline();
    },
  };
}

function held<Key>(holds: ReadonlyMap<Key, Hold>, now: number): Set<Key> {
  return new Set([...holds].filter(([, { until }]) => until > now).map(([key]) => key));
}

function identify({ customer, callingAeTitle, calledAeTitle, transactionUid }: CommitmentRequest) {
  return { customer, callingAeTitle, calledAeTitle, transactionUid };
}
