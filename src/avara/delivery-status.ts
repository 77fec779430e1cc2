import type { DeliveryOutcome } from '../core/delivery/deliver-study.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Product } from '../core/study/study.ts';
import type { HoldCause } from './key-gates.ts';

/** How an API key is doing; the key itself is never shown. */
export interface ApiKeyStatus {
  readonly fingerprint: string;
  readonly customers: readonly CustomerKey[];
  /** Customers of the key that Avara refuses it for (403), while others are served. */
  readonly heldCustomers?: readonly {
    readonly customer: CustomerKey;
    readonly reason: string;
    readonly since: number;
    readonly nextAttemptAt: number;
  }[];
  readonly state: 'open' | HoldCause;
  /** What Avara said, where the key is held. */
  readonly reason?: string;
  /** Milliseconds since 1970, as all times here. */
  readonly since?: number;
  readonly nextAttemptAt?: number;
  /** Since when no call has got through to Avara. */
  readonly unreachableSince?: number;
}

export interface DeliveryLoopStatus {
  readonly isRunning: boolean;
  readonly apiKeys: readonly ApiKeyStatus[];
  readonly inFlight: readonly {
    readonly customer: CustomerKey;
    readonly studyInstanceUid: string;
    readonly product: Product;
  }[];
  readonly lastSuccessAt?: number;
  readonly lastFailure?: { readonly at: number; readonly error: string };
  /** Attempts by outcome since the start of the process. */
  readonly outcomes: Readonly<Record<DeliveryOutcome['kind'] | 'failed', number>>;
}
