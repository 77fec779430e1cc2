import type { Clock } from '../ports/clock.ts';
import type { Outbox, OutboxEntry } from '../ports/outbox.ts';
import type { AvaraStudy, GatewayFailure, StudyGateway } from '../ports/study-gateway.ts';
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
  /** Needs an operator. */
  | { readonly kind: 'attention'; readonly error: string };

/**
 * Makes one attempt at bringing a study to one product of Avara.
 *
 * A create is never sent without looking the study up first, on the first attempt too: Avara knows no idempotency key,
 * and a create whose answer was lost, in this run or before a restart, must not be sent twice.
 * @throws whatever the outbox throws; the entry is then still pending.
 */
export async function deliverStudy(
  entry: OutboxEntry,
  options: DeliverStudyOptions,
): Promise<DeliveryOutcome> {
  const { outbox, gateway } = options;
  const { study, product } = entry;
  await outbox.begin(entry.id);

  const found = await gateway.find(study, product);
  if (!found.ok) return settleFailure(entry, found, 0, options);
  if (found.value !== undefined) return adopt(entry, found.value, true, options);

  const created = await gateway.create(study, product);
  if (!created.ok) {
    // The create may still be at work at Avara: a look-up that comes too soon would find nothing and send another.
    const { baseMs } = options.backoff ?? DEFAULT_BACKOFF;
    return settleFailure(entry, created, baseMs, options);
  }
  if (created.value.expressCustomerId !== undefined) return adopt(entry, created.value, false, options);

  // An answer may leave the customer out. Only the study itself can tell that it really has none.
  const confirmed = await gateway.find(study, product);
  if (!confirmed.ok) return settleFailure(entry, confirmed, 0, options);
  return adopt(entry, confirmed.value ?? created.value, false, options);
}

async function adopt(
  entry: OutboxEntry,
  found: AvaraStudy,
  isAdopted: boolean,
  options: DeliverStudyOptions,
): Promise<DeliveryOutcome> {
  const { outbox, gateway, clock } = options;
  const objection = objectTo(found, gateway.expectedExpressCustomerId(entry.study), isAdopted);
  if (objection !== undefined) {
    await outbox.needAttention(entry.id, objection);
    return { kind: 'attention', error: objection };
  }
  await outbox.complete(entry.id, found.studyId, clock.now());
  return { kind: 'created', avaraStudyId: found.studyId, isAdopted };
}

/** Why a study at Avara cannot be taken for ours, in words for the operator. */
function objectTo(found: AvaraStudy, expectedCustomerId: string, isAdopted: boolean): string | undefined {
  const has = isAdopted ? 'Avara already has this study' : 'Avara created this study';
  if (found.expressCustomerId === undefined) {
    return `${has} as ${found.studyId}, but under no Express customer instead of ${expectedCustomerId}: members of the customer cannot see it. Correct it at Avara, then retry.`;
  }
  if (found.expressCustomerId !== expectedCustomerId) {
    return `${has} as ${found.studyId}, but under another Express customer (${found.expressCustomerId} instead of ${expectedCustomerId}). Find out whose study it is before anything else; correct the route or the study at Avara, then retry.`;
  }
  if (found.isCancelled) {
    return `${has} as ${found.studyId}, but it is cancelled there. Uncancel it at Avara if it is wanted, then retry.`;
  }
  return undefined;
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
      await outbox.needAttention(entry.id, error);
      return { kind: 'attention', error };
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
