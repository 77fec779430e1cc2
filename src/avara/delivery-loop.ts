import PQueue from 'p-queue';
import { deliverStudy } from '../core/delivery/deliver-study.ts';
import type { DeliveryOutcome } from '../core/delivery/deliver-study.ts';
import { DEFAULT_BACKOFF, retryDelay } from '../core/delivery/retry-policy.ts';
import type { BackoffOptions } from '../core/delivery/retry-policy.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Outbox, OutboxEntry } from '../core/ports/outbox.ts';
import type { GatewayFailure, StudyGateway } from '../core/ports/study-gateway.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Product } from '../core/study/study.ts';
import { fingerprintApiKey, groupByApiKey } from './customers.ts';
import type { AvaraCustomers } from './customers.ts';
import type { ApiKeyStatus, DeliveryLoopStatus } from './delivery-status.ts';
import { customerGate, entryGate } from './entry-gate.ts';
import type { EntryGate } from './entry-gate.ts';
import { createGatedGateway } from './gated-gateway.ts';
import { createKeyGates } from './key-gates.ts';
import type { KeyEvidence } from './key-gates.ts';

/** Avara states no rate limit; four at a time is what its documentation lets one assume to be harmless. */
export const DEFAULT_CONCURRENCY = 4;

/** Longest sleep: a later due time is looked at again, so that a clock set forward is noticed. */
const MAX_SLEEP_MS = 600_000;
/** Shortest sleep: an outbox that calls an entry due and does not hand it out must not spin. */
const MIN_SLEEP_MS = 20;
/** How long an entry rests whose failure could not even be written down, and the loop after the outbox failed. */
const REST_MS = 30_000;
/** Candidates looked at for the probe of a held key. */
const PROBE_CANDIDATES = 16;

export interface DeliveryLoopOptions {
  readonly outbox: Outbox;
  readonly gateway: StudyGateway;
  readonly customers: AvaraCustomers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Attempts under way at once, over all customers; default {@link DEFAULT_CONCURRENCY}. */
  readonly concurrency?: number;
  /** Default `Math.random`. */
  readonly random?: () => number;
  /** Default {@link DEFAULT_BACKOFF}. */
  readonly backoff?: BackoffOptions;
}

/** Brings what the outbox holds to Avara. */
export interface DeliveryLoop {
  start(): void;
  /** New entries may be due (studies became stable, an operator retried, the configuration changed). */
  wake(): void;
  /** Tries refused API keys at once instead of waiting for their next probe. */
  probeNow(): void;
  /**
   * Takes no new entries and waits for those under way.
   * @param deadlineMs longest wait, milliseconds.
   * @returns whether all ended in time; what did not is found by look-up after the next start.
   */
  stop(deadlineMs: number): Promise<boolean>;
  status(): DeliveryLoopStatus;
}

/** @throws RangeError where `concurrency` is not a positive integer. */
export function createDeliveryLoop(options: DeliveryLoopOptions): DeliveryLoop {
  const { outbox, gateway, customers, clock, logger } = options;
  const { concurrency = DEFAULT_CONCURRENCY, random = Math.random, backoff = DEFAULT_BACKOFF } = options;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`concurrency must be a positive integer: ${concurrency}`);
  }
  const queue = new PQueue({ concurrency });
  const gates = createKeyGates({ clock, logger, random });
  const inFlight = new Map<number, OutboxEntry>();
  const lastProbed = new Map<string, number>();
  /** Entry ids left alone for a while, until the time given. */
  const resting = new Map<number, number>();
  const outcomes: Record<DeliveryOutcome['kind'] | 'failed', number> = {
    created: 0,
    changed: 0,
    unchanged: 0,
    dropped: 0,
    postponed: 0,
    unauthorized: 0,
    attention: 0,
    failed: 0,
  };
  let isRunning = false;
  let isOutboxFailing = false;
  let cancelSleep: (() => void) | undefined;
  let lastSuccessAt: number | undefined;
  let lastFailure: { at: number; error: string } | undefined;

  function wake(): void {
    if (!isRunning) return;
    cancelSleep?.();
    cancelSleep = undefined;
    let sleepMs: number | undefined;
    try {
      sleepMs = takeDueEntries();
      if (isOutboxFailing) logger.info({}, 'the outbox can be read again');
      isOutboxFailing = false;
    } catch (error) {
      if (!isOutboxFailing) logger.error({ err: error }, 'the outbox cannot be read: deliveries wait');
      isOutboxFailing = true;
      sleepMs = REST_MS;
    }
    if (sleepMs !== undefined) cancelSleep = clock.after(sleepMs, wake);
  }

  /** @returns milliseconds until there may be more to do; undefined: not before something else happens. */
  function takeDueEntries(): number | undefined {
    const now = clock.now();
    const groups = gateGroups();
    const busy = busyIds(now);
    const held = [...groups].filter(([gate]) => gates.holdOf(gate) !== undefined);
    const heldCustomers = new Set(held.flatMap(([, members]) => members));

    for (const [gate, members] of held) {
      const hold = gates.holdOf(gate);
      if (hold === undefined || hold.isProbing || hold.until > now || freeSlots() === 0) continue;
      const entry = pickProbe(gate, members, busy, now);
      if (entry === undefined) continue;
      gates.beginProbe(gate);
      lastProbed.set(gate, entry.id);
      busy.add(entry.id);
      launch(entry, true);
    }

    while (freeSlots() > 0) {
      const due = outbox.due(now, freeSlots(), heldCustomers, busy);
      if (due.length === 0) break;
      for (const entry of due) {
        busy.add(entry.id);
        if (!isTwinUnderway(entry)) launch(entry, false);
      }
    }
    // A full house needs no timer: whoever leaves wakes the loop.
    return freeSlots() === 0 ? undefined : sleepUntilNext(now, groups, heldCustomers, busy);
  }

  function sleepUntilNext(
    now: number,
    groups: ReadonlyMap<string, readonly CustomerKey[]>,
    heldCustomers: ReadonlySet<CustomerKey>,
    busy: ReadonlySet<number>,
  ): number | undefined {
    const times = [outbox.nextDueAt(heldCustomers, busy), ...resting.values()];
    for (const [gate, members] of groups) {
      const hold = gates.holdOf(gate);
      if (hold === undefined || hold.isProbing) continue;
      const dueAt = outbox.nextDueAt(allCustomersBut(members), busy);
      if (dueAt !== undefined) times.push(Math.max(dueAt, hold.until));
    }
    const next = Math.min(...times.flatMap((time) => time ?? []));
    if (next === Infinity) return undefined;
    return Math.min(Math.max(next - now, MIN_SLEEP_MS), MAX_SLEEP_MS);
  }

  /** Another entry than last time where there is one: a single study must not decide over the key for ever. */
  function pickProbe(
    gate: string,
    members: readonly CustomerKey[],
    busy: ReadonlySet<number>,
    now: number,
  ): OutboxEntry | undefined {
    const candidates = outbox
      .due(now, PROBE_CANDIDATES, allCustomersBut(members), busy)
      .filter((entry) => members.includes(entry.study.key.customer) && !isTwinUnderway(entry));
    return candidates.find((entry) => entry.id !== lastProbed.get(gate)) ?? candidates[0];
  }

  function launch(entry: OutboxEntry, isProbe: boolean): void {
    inFlight.set(entry.id, entry);
    // `attempt` never rejects, so neither does the promise of `add`.
    void queue.add(() => attempt(entry, isProbe));
  }

  async function attempt(entry: OutboxEntry, isProbe: boolean): Promise<void> {
    const gate = gateOf(entry);
    const gated = createGatedGateway({
      gateway,
      clock,
      hold: () => (isProbe ? undefined : gate?.hold()),
      // At once, not after the outbox has written it down: attempts side by side must not send another call meanwhile.
      onFailure: (failure) => gate?.report(evidenceOf(failure), isProbe, scopeOf(failure)),
    });
    try {
      const outcome = await deliverStudy(entry, { outbox, gateway: gated, clock, random, backoff });
      outcomes[outcome.kind] += 1;
      logOutcome(entry, outcome);
      // A look-up alone proves nothing: a key may be allowed to read and not to create.
      const isVerdict = outcome.kind !== 'postponed' && outcome.kind !== 'unauthorized';
      if (outcome.kind === 'unchanged' || outcome.kind === 'dropped') gate?.report({ kind: 'none' }, isProbe);
      else if (isVerdict) gate?.report({ kind: 'works' }, isProbe);
    } catch (error) {
      outcomes.failed += 1;
      await recover(entry, error);
      gate?.report({ kind: 'none' }, isProbe);
    } finally {
      inFlight.delete(entry.id);
      wake();
    }
  }

  /** A fault of ours must not lose the entry, nor spin on it. */
  async function recover(entry: OutboxEntry, error: unknown): Promise<void> {
    const now = clock.now();
    const message = 'internal error during delivery; see the log';
    lastFailure = { at: now, error: message };
    logger.error({ ...identify(entry), err: error }, 'a delivery failed unexpectedly and will be repeated');
    const minimumMs = backoff.baseMs;
    const at = now + retryDelay({ attempts: entry.attempts + 1, minimumMs, random, backoff });
    try {
      await outbox.postpone(entry.id, at, message);
    } catch (postponeError) {
      resting.set(entry.id, clock.now() + REST_MS);
      logger.error({ ...identify(entry), err: postponeError }, 'a delivery could not be postponed; it rests');
    }
  }

  function logOutcome(entry: OutboxEntry, outcome: DeliveryOutcome): void {
    const fields = { ...identify(entry), attempts: entry.attempts + 1 };
    const now = clock.now();
    if (outcome.kind === 'created') {
      lastSuccessAt = now;
      const { avaraStudyId, isAdopted } = outcome;
      logger.info({ ...fields, avaraStudyId, isAdopted }, 'study is at Avara');
      return;
    }
    if (outcome.kind === 'unchanged') return;
    if (outcome.kind === 'dropped') {
      logger.info(fields, 'study was moved before Avara had it: nothing to cancel');
      return;
    }
    if (outcome.kind === 'changed') {
      lastSuccessAt = now;
      const { avaraStudyId, isCancelled } = outcome;
      logger.info({ ...fields, avaraStudyId, isCancelled }, 'Avara knows what is new of a study');
      return;
    }
    lastFailure = { at: now, error: outcome.error };
    if (outcome.kind === 'attention') {
      logger.error({ ...fields, reason: outcome.error }, 'a delivery needs attention');
      return;
    }
    // The key gates announce outages and refusals once; a line per attempt would drown them.
    logger.debug({ ...fields, reason: outcome.error }, 'delivery postponed');
  }

  /**
   * Whether the same study is under way with the same key and product for another customer: two look-ups side by side
   * would both find nothing, and both create.
   */
  function isTwinUnderway(entry: OutboxEntry): boolean {
    const fingerprint = fingerprintOf(entry);
    for (const other of inFlight.values()) {
      const isSameStudy =
        other.product === entry.product &&
        other.study.key.studyInstanceUid === entry.study.key.studyInstanceUid;
      if (isSameStudy && fingerprintOf(other) === fingerprint) return true;
    }
    return false;
  }

  function busyIds(now: number): Set<number> {
    for (const [id, until] of resting) if (until <= now) resting.delete(id);
    return new Set([...inFlight.keys(), ...resting.keys()]);
  }

  function freeSlots(): number {
    return concurrency - inFlight.size;
  }

  function fingerprintOf(entry: OutboxEntry): string | undefined {
    const customer = customers.get(entry.study.key.customer);
    return customer && fingerprintApiKey(customer.avara);
  }

  function gateOf(entry: OutboxEntry): EntryGate | undefined {
    const { customer } = entry.study.key;
    const fingerprint = fingerprintOf(entry);
    return fingerprint === undefined
      ? undefined
      : entryGate(gates, fingerprint, customer, groupByApiKey(customers).get(fingerprint) ?? []);
  }

  /** Whatever can be held: each API key, and each customer of a key that serves several. */
  function gateGroups(): ReadonlyMap<string, readonly CustomerKey[]> {
    const groups = new Map<string, readonly CustomerKey[]>();
    for (const [fingerprint, members] of groupByApiKey(customers)) {
      groups.set(fingerprint, members);
      // While the key is held its own probe speaks for all.
      if (members.length > 1 && gates.holdOf(fingerprint) === undefined)
        for (const member of members) groups.set(customerGate(fingerprint, member), [member]);
    }
    return groups;
  }

  function allCustomersBut(members: readonly CustomerKey[]): ReadonlySet<CustomerKey> {
    const except = new Set(customers.keys());
    for (const member of members) except.delete(member);
    return except;
  }

  function start(): void {
    isRunning = true;
    wake();
  }

  function probeNow(): void {
    gates.probeNow();
    wake();
  }

  async function stop(deadlineMs: number): Promise<boolean> {
    isRunning = false;
    cancelSleep?.();
    cancelSleep = undefined;
    if (inFlight.size === 0) return true;
    let cancelDeadline: (() => void) | undefined;
    const deadline = new Promise<void>((resolve) => {
      cancelDeadline = clock.after(deadlineMs, resolve);
    });
    await Promise.race([queue.onIdle(), deadline]);
    cancelDeadline?.();
    return inFlight.size === 0;
  }

  function status(): DeliveryLoopStatus {
    return {
      isRunning,
      apiKeys: [...groupByApiKey(customers)].map(([fingerprint, members]) => keyStatus(fingerprint, members)),
      inFlight: [...inFlight.values()].map(identify),
      outcomes: { ...outcomes },
      ...(lastSuccessAt === undefined ? {} : { lastSuccessAt }),
      ...(lastFailure === undefined ? {} : { lastFailure }),
    };
  }

  function keyStatus(fingerprint: string, members: readonly CustomerKey[]): ApiKeyStatus {
    const hold = gates.holdOf(fingerprint);
    const unreachableSince = gates.failingSince(fingerprint);
    const heldCustomers = members.flatMap((customer) => {
      const own = gates.holdOf(customerGate(fingerprint, customer));
      return own === undefined
        ? []
        : [{ customer, reason: own.reason, since: own.since, nextAttemptAt: own.until }];
    });
    return {
      fingerprint,
      customers: members,
      ...(heldCustomers.length > 0 && { heldCustomers }),
      state: hold?.cause ?? 'open',
      ...(hold === undefined ? {} : { reason: hold.reason, since: hold.since, nextAttemptAt: hold.until }),
      ...(unreachableSince === undefined ? {} : { unreachableSince }),
    };
  }

  return { start, wake, probeNow, stop, status };
}

function identify(entry: OutboxEntry): { customer: CustomerKey; studyInstanceUid: string; product: Product } {
  const { customer, studyInstanceUid } = entry.study.key;
  return { customer, studyInstanceUid, product: entry.product };
}

function scopeOf(failure: GatewayFailure): 'key' | 'customer' {
  return failure.kind === 'unauthorized' ? (failure.scope ?? 'key') : 'key';
}

/** @returns undefined where the failure is a verdict on the study: the attempt's end says that the key works. */
function evidenceOf(failure: GatewayFailure): KeyEvidence | undefined {
  const reason = failure.message;
  switch (failure.kind) {
    case 'permanent':
      return undefined;
    case 'unauthorized':
      return { kind: 'refused', reason };
    case 'transient':
      return failure.isRateLimit
        ? { kind: 'rate-limited', reason, retryAfterMs: failure.retryAfterMs }
        : { kind: 'unknown', reason };
  }
}
