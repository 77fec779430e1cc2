import { z } from 'zod';
import type { CustomerKey } from '../../core/study/instance.ts';

/** The envelope that all of Avara's events come in. */
export interface WebhookEvent {
  /** `whe_…`; a redelivery may carry the same one. */
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
}

/** A verified event on its way to a handler. */
export interface VerifiedEvent extends WebhookEvent {
  /** Customers that the secret of its signature speaks for. */
  readonly customers: ReadonlySet<CustomerKey>;
  readonly peerAddress?: string;
}

/**
 * Answers one type of event with the body of a 200.
 * @throws MalformedEventError where the data is not what the type promises.
 */
export type EventHandler = (event: VerifiedEvent) => unknown;

/** A well signed body that is no event of Avara's; the message names what is wrong, but repeats nothing of it. */
export class MalformedEventError extends Error {
  override readonly name = 'MalformedEventError';
}

// Longer than any id or type of Avara's; they end up in logs and in the audit trail.
const identifier = z.string().min(1).max(200);
const envelope = z.object({ id: identifier, type: identifier, data: z.unknown() });

/** @throws MalformedEventError */
export function parseEvent(body: Buffer): WebhookEvent {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new MalformedEventError('the body is not JSON');
  }
  return parseMembers(envelope, value, 'the event');
}

/** @throws MalformedEventError naming the members that are missing or of the wrong kind. */
export function parseMembers<T>(schema: z.ZodType<T>, value: unknown, subject: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const members = [...new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'itself'))];
  throw new MalformedEventError(`${subject} has missing or malformed members: ${members.join(', ')}`);
}
