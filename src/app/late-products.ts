import type { Logger } from '../core/ports/logger.ts';
import type { Outbox } from '../core/ports/outbox.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Customers } from './customers.ts';

/** Entries added in one transaction: short enough for intake to go on between two. */
const PORTION = 500;

export interface LateProductsOptions {
  readonly outbox: Outbox;
  readonly customers: Customers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onAdded: () => void;
}

/**
 * Makes deliveries for the studies that were stable before their customer got a product. Runs at start and after each
 * change of the configuration; a second call while one runs starts it over.
 */
export function createLateProducts(options: LateProductsOptions): {
  run(): Promise<void>;
  stop(): Promise<void>;
} {
  const { outbox, customers, clock, logger, onAdded } = options;
  let turn = 0;
  let running: Promise<void> = Promise.resolve();

  async function addAll(own: number): Promise<void> {
    for (const [customer, { products }] of [...customers.avara]) {
      for (const product of products) {
        let total = 0;
        for (let added = PORTION; added === PORTION && own === turn;) {
          added = await outbox.addMissing(customer, product, PORTION, clock.now());
          total += added;
          if (added > 0) onAdded();
        }
        if (total > 0)
          logger.info({ customer, product, studies: total }, 'studies of before go to a product added since');
      }
    }
  }

  return {
    run() {
      turn += 1;
      const own = turn;
      running = running
        .then(() => addAll(own))
        .catch((error: unknown) => {
          logger.error({ err: error }, 'studies of before could not be announced to products added since');
        });
      return running;
    },
    async stop() {
      turn += 1;
      await running;
    },
  };
}
