import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { ObjectUrls } from '../../core/ports/object-urls.ts';
import type { WebhookReceiver, WebhookRequest, WebhookResponse } from '../../core/ports/webhook-receiver.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import { MalformedEventError, parseEvent } from './event.ts';
import type { EventHandler, VerifiedEvent, WebhookEvent } from './event.ts';
import { KNOWN_EVENT_TYPES, refusalFor, unservedReason } from './refusals.ts';
import { createRefusalLog } from './refusal-log.ts';
import { isUsableSecret, verifySignature } from './signature.ts';
import type { SignatureScheme } from './signature.ts';
import { createStudyAccessHandler } from './study-access.ts';
import type { StudyAccessHandlerOptions } from './study-access.ts';

/** How far a sender's clock may be off, seconds; what Avara's SDK allows. */
export const DEFAULT_TOLERANCE_SECONDS = 300;
/** Avara states no limit for an answer; a viewer's user would not wait longer. */
export const DEFAULT_DEADLINE_MS = 8_000;

/**
 * The webhook secrets of each customer, several while one is being replaced. Read anew at each event, so the owner may
 * change it in place when the configuration is reloaded.
 */
export type WebhookSecrets = ReadonlyMap<CustomerKey, readonly string[]>;

export interface WebhookReceiverOptions {
  readonly secrets: WebhookSecrets;
  readonly index: StudyAccessHandlerOptions['index'];
  readonly objectUrls: ObjectUrls;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default {@link DEFAULT_TOLERANCE_SECONDS}. */
  readonly toleranceSeconds?: number;
  /** Default {@link DEFAULT_DEADLINE_MS}. */
  readonly deadlineMs?: number;
  /** Answers for further types of events, by type. */
  readonly handlers?: ReadonlyMap<string, EventHandler>;
}

/**
 * Receives Avara's webhooks. Events are not remembered: a redelivery carries the same id and gets the same answer.
 * @throws RangeError for a secret too short to be one, or a nonsensical tolerance or deadline.
 */
export function createWebhookReceiver(options: WebhookReceiverOptions): WebhookReceiver {
  const { secrets, clock, logger } = options;
  const { toleranceSeconds = DEFAULT_TOLERANCE_SECONDS, deadlineMs = DEFAULT_DEADLINE_MS } = options;
  if (!(toleranceSeconds > 0) || !(deadlineMs > 0)) {
    throw new RangeError('toleranceSeconds and deadlineMs must be above 0');
  }
  for (const [customer, list] of secrets) {
    if (!list.every(isUsableSecret)) {
      throw new RangeError(`customer ${customer} has a webhook secret that is too short to be one`);
    }
  }
  const handlers: ReadonlyMap<string, EventHandler> = new Map([
    ['study.access_requested', createStudyAccessHandler(options)],
    ...(options.handlers ?? []),
  ]);
  const refusals = createRefusalLog({ clock, logger });
  const schemesSeen = new Set<SignatureScheme>();

  async function receive(request: WebhookRequest): Promise<WebhookResponse> {
    const owners = ownersOfSecrets(secrets);
    const verdict = verifySignature(request, {
      secrets: [...owners.keys()],
      now: clock.now(),
      toleranceMs: toleranceSeconds * 1000,
    });
    if (!verdict.isValid) {
      refusals.note(verdict.reason, verdict.skewMs);
      return { status: 401, body: { error: 'Invalid signature' } };
    }
    if (!schemesSeen.has(verdict.scheme)) {
      schemesSeen.add(verdict.scheme);
      logger.info({ scheme: verdict.scheme }, 'first webhook with this kind of signature');
    }
    const customers = new Set(verdict.secrets.flatMap((secret) => owners.get(secret) ?? []));
    try {
      const event = parseEvent(request.body);
      const { peerAddress } = request;
      const verified = { ...event, customers, ...(peerAddress === undefined ? {} : { peerAddress }) };
      return { status: 200, body: await answerInTime(verified) };
    } catch (error) {
      if (!(error instanceof MalformedEventError)) throw error;
      logger.warn({ reason: error.message }, 'a well signed webhook is not understood');
      return { status: 400, body: { error: error.message } };
    }
  }

  /** @throws MalformedEventError */
  async function answerInTime(event: VerifiedEvent): Promise<unknown> {
    const handler = handlers.get(event.type);
    if (handler === undefined) return refuseUnserved(event);
    let cancel: (() => void) | undefined;
    const late = new Promise<unknown>((resolve) => {
      cancel = clock.after(deadlineMs, () => {
        logger.error({ ...identify(event), deadlineMs }, 'a webhook was not answered in time');
        resolve(refusalFor(event.type, 'the imaging site did not answer in time'));
      });
    });
    try {
      return await Promise.race([handler(event), late]);
    } catch (error) {
      if (error instanceof MalformedEventError) throw error;
      logger.error({ ...identify(event), err: error }, 'a webhook could not be answered');
      return refusalFor(event.type, 'the imaging site has an internal error');
    } finally {
      cancel?.();
    }
  }

  function refuseUnserved(event: VerifiedEvent): unknown {
    const message = KNOWN_EVENT_TYPES.has(event.type)
      ? 'a webhook of a type that is not served here'
      : 'a webhook of an unknown type';
    logger.warn(identify(event), message);
    return refusalFor(event.type, unservedReason(event.type));
  }

  return { receive };
}

/** Which customers each distinct secret speaks for. */
function ownersOfSecrets(secrets: WebhookSecrets): ReadonlyMap<string, readonly CustomerKey[]> {
  const owners = new Map<string, CustomerKey[]>();
  for (const [customer, list] of secrets) {
    for (const secret of list) {
      const known = owners.get(secret);
      if (known === undefined) owners.set(secret, [customer]);
      else known.push(customer);
    }
  }
  return owners;
}

function identify(event: WebhookEvent): { webhookEvent: string; type: string } {
  return { webhookEvent: event.id, type: event.type };
}
