import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import type { AvaraClient } from '../client.ts';
import { groupByApiKey } from '../customers.ts';
import type { AvaraCustomers } from '../customers.ts';
import { createExpressCustomers } from './express-customers.ts';

/** Whether a configured customer is what Avara has: `unchecked` where the API key may not ask, or nobody answers. */
export type CustomerState = 'active' | 'inactive' | 'unknown' | 'unchecked';
export const CUSTOMER_STATES: readonly CustomerState[] = ['active', 'inactive', 'unknown', 'unchecked'];

export interface CustomerStanding {
  readonly customer: CustomerKey;
  readonly expressCustomerId: string;
  readonly state: CustomerState;
  /** Avara's name of it. */
  readonly name?: string;
  readonly userCount?: number;
  /** When Avara last said so, ms since 1970. */
  readonly checkedAt?: number;
  /** Why it is `unchecked`. */
  readonly reason?: string;
}

export interface CustomerWatchOptions {
  readonly customers: AvaraCustomers;
  readonly clientOf: (customer: CustomerKey) => AvaraClient | undefined;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Asks Avara at start and regularly whether each configured customer exists and is active. */
export interface CustomerWatch {
  start(): void;
  /** Asks at once: the configuration changed. */
  checkNow(): Promise<void>;
  standings(): readonly CustomerStanding[];
  stop(): void;
}

const UNCHECKED_YET = 'not asked yet';

export function createCustomerWatch(options: CustomerWatchOptions): CustomerWatch {
  const { customers, clientOf, intervalMs, clock, logger } = options;
  const known = new Map<CustomerKey, CustomerStanding>();
  let isRunning = false;
  let cancel: (() => void) | undefined;
  let turn = 0;

  async function checkNow(): Promise<void> {
    cancel?.();
    const own = ++turn;
    try {
      await checkAll();
    } catch (error) {
      logger.error({ err: error }, 'the customers could not be checked at Avara');
    }
    if (isRunning && own === turn) cancel = clock.after(intervalMs, () => void checkNow());
  }

  async function checkAll(): Promise<void> {
    for (const name of known.keys()) if (!customers.has(name)) known.delete(name);
    for (const members of groupByApiKey(customers).values()) {
      const [first] = members;
      const client = first && clientOf(first);
      if (client === undefined) continue;
      const listed = await createExpressCustomers(client).list();
      const byId = new Map(
        (listed.ok ? listed.value : []).map((customer) => [
          customer.expressCustomerId.toLowerCase(),
          customer,
        ]),
      );
      for (const name of members) {
        const configured = customers.get(name);
        if (configured === undefined) continue;
        const { expressCustomerId } = configured;
        const base = { customer: name, expressCustomerId };
        if (!listed.ok) {
          const before = known.get(name);
          const isSame = before?.expressCustomerId === expressCustomerId && before.checkedAt !== undefined;
          // What Avara said last counts while it does not answer.
          note(isSame ? before : { ...base, state: 'unchecked', reason: listed.message });
          continue;
        }
        const found = byId.get(expressCustomerId.toLowerCase());
        note({
          ...base,
          state: found === undefined ? 'unknown' : found.isActive ? 'active' : 'inactive',
          ...(found !== undefined && { name: found.name }),
          ...(found?.userCount !== undefined && { userCount: found.userCount }),
          checkedAt: clock.now(),
        });
      }
    }
  }

  /** A change is logged once; status and metrics show how it stands. */
  function note(standing: CustomerStanding): void {
    const before = known.get(standing.customer);
    known.set(standing.customer, standing);
    if (before?.state === standing.state && before.expressCustomerId === standing.expressCustomerId) return;
    const { customer, expressCustomerId, state, reason } = standing;
    const fields = { customer, expressCustomerId };
    switch (state) {
      case 'unknown':
        logger.error(fields, 'Avara knows no such Express customer: its studies will be refused');
        return;
      case 'inactive':
        logger.error(fields, 'the Express customer is deactivated at Avara: its studies will be refused');
        return;
      case 'unchecked':
        logger.warn({ ...fields, reason }, 'whether the Express customer exists at Avara cannot be checked');
        return;
      case 'active':
        if (before !== undefined) logger.info(fields, 'the Express customer is active at Avara');
    }
  }

  return {
    start() {
      isRunning = true;
      void checkNow();
    },
    checkNow,
    standings: () =>
      [...customers].map(
        ([customer, { expressCustomerId }]) =>
          known.get(customer) ?? { customer, expressCustomerId, state: 'unchecked', reason: UNCHECKED_YET },
      ),
    stop() {
      isRunning = false;
      turn += 1;
      cancel?.();
    },
  };
}
