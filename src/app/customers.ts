import type { AvaraCustomer } from '../avara/customers.ts';
import type { Config } from '../config/config.ts';
import { type CustomerKey, customerKey } from '../core/study/instance.ts';
import type { Product } from '../core/study/study.ts';

/**
 * The configured customers, as the adapters look them up. The maps stay the same objects over a reload, so whoever holds
 * one sees the new configuration at its next look-up.
 */
export interface Customers {
  readonly avara: ReadonlyMap<CustomerKey, AvaraCustomer>;
  readonly webhookSecrets: ReadonlyMap<CustomerKey, readonly string[]>;
  productsOf(customer: CustomerKey): readonly Product[] | undefined;
  replace(config: Config): void;
}

export function createCustomers(config: Config): Customers {
  const avara = new Map<CustomerKey, AvaraCustomer>();
  const webhookSecrets = new Map<CustomerKey, readonly string[]>();
  const replace = ({ customers }: Config): void => {
    avara.clear();
    webhookSecrets.clear();
    for (const [name, customer] of Object.entries(customers)) {
      const key = customerKey(name);
      const { avara: account, ...settings } = customer;
      const { baseUrl, apiKey, webhookSecrets: secrets } = account;
      avara.set(key, {
        ...settings,
        avara: { baseUrl, apiKey: apiKey.reveal() },
      });
      webhookSecrets.set(
        key,
        secrets.map((secret) => secret.reveal()),
      );
    }
  };
  replace(config);
  return { avara, webhookSecrets, productsOf: (customer) => avara.get(customer)?.products, replace };
}
