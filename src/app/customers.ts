import type { AvaraCustomer } from '../avara/customers.ts';
import type { Config, CustomerConfig } from '../config/config.ts';
import { type CustomerKey, customerKey } from '../core/study/instance.ts';
import type { Product } from '../core/study/study.ts';

/**
 * The configured customers, as the adapters look them up. The maps stay the same objects over a reload, so whoever holds
 * one sees the new configuration at its next look-up.
 */
export interface Customers {
  readonly avara: ReadonlyMap<CustomerKey, AvaraCustomer>;
  readonly webhookSecrets: ReadonlyMap<CustomerKey, readonly string[]>;
  /** As configured now. */
  configOf(customer: CustomerKey): CustomerConfig | undefined;
  productsOf(customer: CustomerKey): readonly Product[] | undefined;
  /** The customer whose reports go to the PACS that these AE titles are of, where it is called back by it. */
  reportingTo(titles: {
    readonly callingAeTitle: string;
    readonly calledAeTitle: string;
  }): CustomerKey | undefined;
  replace(config: Config): void;
}

export function createCustomers(config: Config): Customers {
  const avara = new Map<CustomerKey, AvaraCustomer>();
  const webhookSecrets = new Map<CustomerKey, readonly string[]>();
  const configs = new Map<CustomerKey, CustomerConfig>();
  const replace = ({ customers }: Config): void => {
    avara.clear();
    webhookSecrets.clear();
    configs.clear();
    for (const [name, customer] of Object.entries(customers)) {
      const key = customerKey(name);
      configs.set(key, customer);
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
  return {
    avara,
    webhookSecrets,
    configOf: (customer) => configs.get(customer),
    productsOf: (customer) => avara.get(customer)?.products,
    reportingTo({ callingAeTitle, calledAeTitle }) {
      for (const [key, { reports }] of configs) {
        const pacs = reports?.pacs;
        if (pacs?.aeTitle === callingAeTitle && pacs.callingAeTitle === calledAeTitle) return key;
      }
      return undefined;
    },
    replace,
  };
}
