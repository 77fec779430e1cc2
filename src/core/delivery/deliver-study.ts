import type { Clock } from '../ports/clock.ts';
import type { Outbox, OutboxEntry } from '../ports/outbox.ts';
import type { AvaraStudy, GatewayFailure, StudyGateway } from '../ports/study-gateway.ts';
import { objectTo } from './object-to.ts';
import { DEFAULT_BACKOFF, retryDelay } from './retry-policy.ts';
import type { BackoffOptions } from './retry-policy.ts';

export interface DeliverStudyOptions {
  readonly outbox: Outbox;
  readonly gateway: StudyGateway;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Default {@link DEFAULT_BACKOFF}. */
  readonly backoff?: BackoffOptions;
}

/** What became of an attempt; the outbox already says so. */
export type DeliveryOutcome =
  /** At Avara, and known to be: made now, or `adopted` because it was there. */
  | { readonly kind: 'created'; readonly avaraStudyId: string; readonly isAdopted: boolean }
  /** It was at Avara, and Avara now knows what is new. */
  | { readonly kind: 'changed'; readonly avaraStudyId: string; readonly isCancelled: boolean }
  /** It is at Avara, and there was nothing new to tell after all: nothing was sent. */
  | { readonly kind: 'unchanged'; readonly avaraStudyId: string }
  /** Will be tried again at `at`. A rate limit concerns all that uses the same API key, not this study alone. */
  | {
      readonly kind: 'postponed';
      readonly at: number;
      readonly error: string;
      readonly isRateLimit: boolean;
      /** What the server asked for, milliseconds. */
      readonly retryAfterMs?: number;
    }
  /** The API key is refused. The entry is due at once: the caller holds back everything that uses the key. */
  | { readonly kind: 'unauthorized'; readonly error: string }
  /** It was moved to another customer, and Avara does not have it here: there is nothing to do. */
  | { readonly kind: 'dropped' }
  /** Needs an operator. */
  | { readonly kind: 'attention'; readonly error: string };

/** How far a study is to be brought; absent: as far as it should be. */
type Step = DeliveryOutcome | undefined;

/**
 * Makes one attempt at bringing a study to one product of Avara, or at telling Avara what is new about it.
 *
 * A create is never sent without looking the study up first, on the first attempt too: Avara knows no idempotency key,
 * and a create whose answer was lost, in this run or before a restart, must not be sent twice.
 * @throws whatever the outbox throws; the entry is then still pending.
 */
export async function deliverStudy(
  entry: OutboxEntry,
  options: DeliverStudyOptions,
): Promise<DeliveryOutcome> {
  const { avaraStudyId } = entry;
  return avaraStudyId === undefined ? bringStudy(entry, options) : changeStudy(entry, avaraStudyId, options);
}

async function bringStudy(entry: OutboxEntry, options: DeliverStudyOptions): Promise<DeliveryOutcome> {
  const { outbox, gateway } = options;
  const { study, product } = entry;
  await outbox.begin(entry.id);

  const found = await gateway.find(study, product);
  if (!found.ok) return settleFailure(entry, found, 0, options);
  if (entry.isMovedAway === true && !isOwn(found.value, entry, gateway)) {
    await outbox.drop(entry.id);
    return { kind: 'dropped' };
  }
  if (found.value !== undefined && found.value.studyId === entry.supersedes) {
    // Avara shows the one that was cancelled, which says nothing of whether this one is there.
    const own = await gateway.findOfCustomer(study, product);
    if (!own.ok) return settleFailure(entry, own, 0, options);
    if (own.value !== undefined) return adopt(entry, own.value, true, options);
  } else if (found.value !== undefined) return adopt(entry, found.value, true, options);
  if (entry.wish === 'cancel') {
    return needAttention(
      entry,
      'Cancelled by an operator before Avara had it: it is not sent. Uncancel it to send it after all.',
      options,
    );
  }

  const sent = gateway.describe(study, product);
  await outbox.noteSent(entry.id, sent);
  const created = await gateway.create(study, product);
  const told = { ...entry, sent };
  if (!created.ok) {
    if (created.kind === 'permanent' && created.mayHaveHappened === true) {
      const isSecond = entry.supersedes !== undefined;
      const after = await (isSecond ? gateway.findOfCustomer(study, product) : gateway.find(study, product));
      if (after.ok && after.value !== undefined) return adopt(told, after.value, true, options);
    }
    // The create may still be at work at Avara: a look-up that comes too soon would find nothing and send another.
    const { baseMs } = options.backoff ?? DEFAULT_BACKOFF;
    return settleFailure(entry, created, baseMs, options);
  }
  if (created.value.expressCustomerId !== undefined) return adopt(told, created.value, false, options);

  // An answer may leave the customer out. Only the study itself can tell that it really has none.
  const confirmed = await gateway.find(study, product);
  if (!confirmed.ok) return settleFailure(entry, confirmed, 0, options);
  const isThis = confirmed.value?.studyId !== entry.supersedes;
  return adopt(told, (isThis ? confirmed.value : undefined) ?? created.value, false, options);
}

function isOwn(found: AvaraStudy | undefined, entry: OutboxEntry, gateway: StudyGateway): boolean {
  return found?.expressCustomerId === gateway.expectedExpressCustomerId(entry.study);
}

async function adopt(
  entry: OutboxEntry,
  found: AvaraStudy,
  isAdopted: boolean,
  options: DeliverStudyOptions,
): Promise<DeliveryOutcome> {
  const { gateway } = options;
  const isWelcome = entry.wish !== undefined && entry.wish !== 'none';
  const expected = gateway.expectedExpressCustomerId(entry.study);
  const objection = objectTo(found, expected, { isAdopted, mayBeCancelled: isWelcome });
  if (objection !== undefined) return needAttention(entry, objection, options);
  // What others made at Avara is left as they made it; what we made earlier is brought up to date.
  const known = { ...entry, sent: entry.sent ?? gateway.describe(entry.study, entry.product) };
  const failed = await bringUpToDate(known, found.studyId, found.isCancelled, options);
  return failed ?? { kind: 'created', avaraStudyId: found.studyId, isAdopted };
}

async function changeStudy(
  entry: OutboxEntry,
  avaraStudyId: string,
  options: DeliverStudyOptions,
): Promise<DeliveryOutcome> {
  const { outbox, gateway, clock } = options;
  const isCancelled = entry.isCancelled === true;
  const current = gateway.describe(entry.study, entry.product);
  const { sent = current, revision } = entry;
  if (wantedState(entry, isCancelled) === isCancelled && (isCancelled || sent === current)) {
    await outbox.complete(entry.id, completion(avaraStudyId, sent, isCancelled, revision), clock.now());
    return { kind: 'unchanged', avaraStudyId };
  }
  await outbox.begin(entry.id);
  const failed = await bringUpToDate({ ...entry, sent }, avaraStudyId, isCancelled, options);
  return failed ?? { kind: 'changed', avaraStudyId, isCancelled: wantedState(entry, isCancelled) };
}

/** Makes Avara's study what it should be, and completes the entry. @returns what stands in the way, if anything. */
async function bringUpToDate(
  entry: OutboxEntry & { readonly sent: string },
  avaraStudyId: string,
  isCancelled: boolean,
  options: DeliverStudyOptions,
): Promise<Step> {
  const { outbox, gateway, clock } = options;
  const { study, product, sent, revision } = entry;
  const wanted = wantedState(entry, isCancelled);
  if (wanted !== isCancelled) {
    const failed = await setCancelled(entry, avaraStudyId, wanted, options);
    if (failed !== undefined) return failed;
  }
  let told = sent;
  const current = gateway.describe(study, product);
  if (!wanted && current !== sent) {
    const updated = await gateway.update(study, product, avaraStudyId, sent);
    if (!updated.ok) return settleFailure(entry, notUpdated(updated, avaraStudyId), 0, options);
    told = current;
  }
  await outbox.complete(entry.id, completion(avaraStudyId, told, wanted, revision), clock.now());
  return undefined;
}

async function setCancelled(
  entry: OutboxEntry,
  avaraStudyId: string,
  isCancelled: boolean,
  options: DeliverStudyOptions,
): Promise<Step> {
  const { gateway } = options;
  const { study, product } = entry;
  const answer = await gateway.setCancelled(study, product, avaraStudyId, isCancelled);
  if (answer.ok && answer.value.isDone) return undefined;
  if (!answer.ok && answer.kind !== 'permanent') return settleFailure(entry, answer, 0, options);
  // It may have been so already: an earlier answer was lost, or somebody did it at Avara.
  const found = await gateway.find(study, product);
  if (!found.ok) return settleFailure(entry, found, 0, options);
  if (found.value?.studyId === avaraStudyId && found.value.isCancelled === isCancelled) return undefined;
  const said = answer.ok ? (answer.value.message ?? 'without a reason') : answer.message;
  const verb = isCancelled ? 'cancel' : 'uncancel';
  return needAttention(entry, `Avara did not ${verb} the study ${avaraStudyId}: ${said}`, options);
}

/** Whether the study should be cancelled at Avara. */
function wantedState(entry: OutboxEntry, isCancelled: boolean): boolean {
  return entry.wish === 'cancel' || (isCancelled && entry.wish !== 'uncancel');
}

function completion(avaraStudyId: string, sent: string, isCancelled: boolean, revision: number | undefined) {
  return { avaraStudyId, sent, isCancelled, ...(revision !== undefined && { revision }) };
}

function notUpdated(failure: GatewayFailure, avaraStudyId: string): GatewayFailure {
  if (failure.kind !== 'permanent') return failure;
  const message = `The study is at Avara as ${avaraStudyId}, but could not be updated: ${failure.message}`;
  return { kind: 'permanent', message };
}

async function needAttention(
  entry: OutboxEntry,
  error: string,
  { outbox }: DeliverStudyOptions,
): Promise<DeliveryOutcome> {
  await outbox.needAttention(entry.id, error);
  return { kind: 'attention', error };
}

async function settleFailure(
  entry: OutboxEntry,
  failure: GatewayFailure,
  minimumMs: number,
  options: DeliverStudyOptions,
): Promise<DeliveryOutcome> {
  const { outbox, clock, random, backoff } = options;
  const error = failure.message;
  switch (failure.kind) {
    case 'permanent':
      return needAttention(entry, error, options);
    case 'unauthorized':
      await outbox.postpone(entry.id, clock.now(), error);
      return { kind: 'unauthorized', error };
    case 'transient': {
      const delayMs = retryDelay({
        attempts: entry.attempts + 1,
        retryAfterMs: failure.retryAfterMs,
        minimumMs,
        random,
        ...(backoff === undefined ? {} : { backoff }),
      });
      const now = clock.now();
      await outbox.postpone(entry.id, now + delayMs, error);
      return {
        kind: 'postponed',
        at: now + delayMs,
        error,
        isRateLimit: failure.isRateLimit,
        ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
      };
    }
  }
}
