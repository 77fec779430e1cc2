import type { CustomerKey, Source } from '../study/instance.ts';

/** Names a way in: for C-STORE a modality, as it is known by its AE titles. */
export interface SenderName {
  readonly customer: CustomerKey;
  readonly source: Source;
  /** Empty where there is none. */
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
}

/** Instances that came from one sender within one hour. */
export interface SenderDelivery extends SenderName {
  /** Of the latest; empty where there is none. */
  readonly peerAddress: string;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly instances: number;
  readonly bytes: number;
}

/** A sender with everything that it has sent. */
export interface SenderRecord extends SenderDelivery {
  readonly id: number;
}

/** Hours since 1970 UTC. */
export type HourNumber = number;

/** What each sender sent, by the hour. Statistics: the index does not depend on them. */
export interface SenderActivity {
  /** Resolves on commit. */
  add(deliveries: readonly SenderDelivery[]): Promise<void>;
  /** Latest first. */
  senders(limit: number): readonly SenderRecord[];
  /** Hours in which the sender sent something, ascending. */
  activeHours(senderId: number, since: HourNumber): readonly HourNumber[];
  /** Everything of one sender within a span, by the hour. */
  hours(
    senderId: number,
    since: HourNumber,
  ): readonly { readonly hour: HourNumber; readonly instances: number; readonly bytes: number }[];
  /** Removes hours before `hour` and senders that have not sent since `senderBefore` (ms since 1970). */
  prune(hour: HourNumber, senderBefore: number): Promise<void>;
}
