import type { Product } from '../core/study/study.ts';
import type { ParsedConfig } from './schema.ts';
import type { Secret } from './secret.ts';

type DeepReadonly<T> = T extends Secret
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T;

/** How the API is called for one customer: its own settings over the top-level ones. */
export interface CustomerAvaraConfig {
  readonly baseUrl: string;
  readonly apiKey: Secret;
  /** At least one; any of them may have signed a webhook. */
  readonly webhookSecrets: readonly Secret[];
}

/** Where reports go. */
export type CustomerReportsConfig = DeepReadonly<NonNullable<ParsedConfig['customers'][string]['reports']>>;

/** What is kept of a customer, where that differs. */
export type CustomerRetentionConfig = DeepReadonly<
  NonNullable<ParsedConfig['customers'][string]['retention']>
>;

export interface CustomerConfig {
  readonly expressCustomerId: string;
  /** At least one, each once. */
  readonly products: readonly Product[];
  readonly severity: 'normal' | 'high' | 'stat';
  readonly facilityName?: string;
  readonly override: readonly ('severity' | 'facilityName')[];
  readonly assignedTo?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly modalityNames?: Readonly<Record<string, string>>;
  readonly legacyFieldNames: boolean;
  /** With an absolute folder. */
  readonly reports?: CustomerReportsConfig;
  /** What is kept of it, where that differs. */
  readonly retention?: CustomerRetentionConfig;
  /** Absolute. */
  readonly worklistFile?: string;
  readonly openAs?: string;
  readonly avara: CustomerAvaraConfig;
}

type Sections = DeepReadonly<Omit<ParsedConfig, '$schema' | 'avara' | 'customers'>>;

/**
 * The configuration as the daemon uses it: validated, defaults filled in, references replaced, paths absolute,
 * customers complete, deeply frozen.
 */
export interface Config extends Sections {
  /** Absolute path of the file it came from. */
  readonly file: string;
  readonly avara: {
    readonly requestTimeoutSeconds: number;
    readonly concurrency: number;
    readonly customerCheckMinutes: number;
  };
  /** By customer key; every key satisfies `parseCustomerKey`. */
  readonly customers: Readonly<Record<string, CustomerConfig>>;
}

/** With absolute paths. */
export type PeerTlsConfig = Config['dimse']['peers'][number]['tls'];
/** With absolute paths. */
export type SyslogConfig = NonNullable<Config['audit']['syslog']>;
export type RouteConfig = Config['routes'][number];
