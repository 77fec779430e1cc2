import type { Config, CustomerAvaraConfig } from '../../config/config.ts';
import { isLoopback } from '../../config/cross-checks.ts';
import { networkFailure } from '../daemon-client.ts';
import type { CheckContext, CheckResult } from './check.ts';

/** A clock off by more makes webhooks look replayed; Avara's own tolerance is 300 s. */
const MAX_CLOCK_SKEW_MS = 60_000;

/** A Study Instance UID that no study has: asking for it tells whether the key may ask. */
const PROBE_UID = '2.25.0';

interface Account extends CustomerAvaraConfig {
  /** Customers that use it. */
  readonly customers: readonly string[];
}

/** Avara answers, takes each API key, and knows each Express customer. */
export async function checkAvara({ config, now }: CheckContext): Promise<readonly CheckResult[]> {
  const timeoutMs = Math.min(config.avara.requestTimeoutSeconds, 20) * 1000;
  const results = await Promise.all(
    accountsOf(config).map((account) => checkAccount({ account, config, timeoutMs, now })),
  );
  return results.flat();
}

function accountsOf({ customers }: Config): Account[] {
  const accounts = new Map<string, Account>();
  for (const [key, { avara }] of Object.entries(customers)) {
    const id = `${avara.baseUrl} ${avara.apiKey.reveal()}`;
    accounts.set(id, { ...avara, customers: [...(accounts.get(id)?.customers ?? []), key] });
  }
  return [...accounts.values()];
}

interface AccountCheck {
  readonly account: Account;
  readonly config: Config;
  readonly timeoutMs: number;
  readonly now: () => number;
}

async function checkAccount({ account, config, timeoutMs, now }: AccountCheck): Promise<CheckResult[]> {
  const { baseUrl, customers } = account;
  const base = { id: 'avara', title: 'Avara' };
  const whose =
    Object.keys(config.customers).length === customers.length ? '' : ` for ${customers.join(', ')}`;
  const listing = await ask(account, '/v1/express?limit=1', timeoutMs);
  // A key without Express access is refused there, and may still create studies.
  const answer =
    listing.kind === 'answered' && [403, 404].includes(listing.status)
      ? await ask(account, `/v1/viewer/studies/by-uid/${PROBE_UID}`, timeoutMs)
      : listing;

  if (answer.kind === 'unreachable') {
    return [
      {
        ...base,
        status: 'failed',
        detail: `${baseUrl} does not answer: ${answer.message}`,
        advice:
          'Check the internet connection, DNS, proxy and firewall. Images are received and kept meanwhile.',
      },
    ];
  }
  const skew = checkSkew(answer.date, now());
  const plain =
    baseUrl.startsWith('http://') && !isLoopback(new URL(baseUrl).hostname)
      ? [
          {
            id: 'avara-url',
            title: 'Avara',
            status: 'warning' as const,
            detail: `${baseUrl} is not encrypted: the API key and patient data travel in the clear`,
            advice: 'Use https://.',
          },
        ]
      : [];
  if (answer.status === 401 || answer.status === 403) {
    return [
      {
        ...base,
        status: 'failed',
        detail: `${baseUrl} refuses the API key${whose} (HTTP ${answer.status})`,
        advice: 'Compare the key with the Avara dashboard; it may have been revoked.',
      },
      ...skew,
      ...plain,
    ];
  }
  const isKeyTaken = (answer.status >= 200 && answer.status < 300) || answer.status === 404;
  if (!isKeyTaken) {
    return [
      {
        ...base,
        status: 'failed',
        detail: `${baseUrl} answers with HTTP ${answer.status}`,
        advice: answer.status >= 500 ? 'Avara has a problem; try again later.' : 'Check avara.baseUrl.',
      },
      ...skew,
    ];
  }
  const isListed = answer === listing;
  const found = isListed ? await checkCustomers(account, config, timeoutMs) : [];
  const detail = `${baseUrl} takes the API key${whose}`;
  return [
    { ...base, status: 'ok', detail: isListed ? detail : `${detail} (which may not list Express customers)` },
    ...found,
    ...skew,
    ...plain,
  ];
}

async function checkCustomers(account: Account, config: Config, timeoutMs: number): Promise<CheckResult[]> {
  const results = await Promise.all(
    account.customers.map(async (key): Promise<CheckResult | undefined> => {
      const id = config.customers[key]?.expressCustomerId ?? '';
      const base = { id: `customer-${key}`, title: 'Customer' };
      const answer = await ask(account, `/v1/express/${id}`, timeoutMs);
      if (answer.kind === 'unreachable') return undefined;
      if (answer.status === 404) {
        return {
          ...base,
          status: 'failed',
          detail: `Avara knows no Express customer ${id} (${key})`,
          advice: `Copy the id from the Avara dashboard to customers.${key}.expressCustomerId.`,
        };
      }
      if (answer.status !== 200) return undefined;
      const { expressCustomerName: name, isActive } = asObject(answer.body);
      const called = typeof name === 'string' ? `${key} is "${name}"` : key;
      return isActive === false
        ? {
            ...base,
            status: 'failed',
            detail: `${called}, which is deactivated at Avara: its studies will be refused`,
            advice: 'Reactivate it in the Avara dashboard, or take it out of the configuration.',
          }
        : { ...base, status: 'ok', detail: `${called} at Avara` };
    }),
  );
  return results.filter((result) => result !== undefined);
}

function checkSkew(date: string | undefined, now: number): CheckResult[] {
  const theirs = date === undefined ? Number.NaN : Date.parse(date);
  const skewMs = Math.abs(theirs - now);
  if (!(skewMs > MAX_CLOCK_SKEW_MS)) return [];
  return [
    {
      id: 'clock-skew',
      title: 'Clock',
      status: 'failed',
      detail: `this machine’s clock and Avara’s differ by ${Math.round(skewMs / 1000)} s`,
      advice: 'Keep it right with NTP: webhooks of a wrong time are refused.',
    },
  ];
}

type Answer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly body: unknown;
      readonly date: string | undefined;
    }
  | { readonly kind: 'unreachable'; readonly message: string };

async function ask({ baseUrl, apiKey }: Account, path: string, timeoutMs: number): Promise<Answer> {
  try {
    const response = await fetch(`${baseUrl}${path}`, {
      headers: { authorization: `Bearer ${apiKey.reveal()}`, accept: 'application/json' },
      signal: AbortSignal.timeout(timeoutMs),
      // A redirect would carry the key to wherever it points.
      redirect: 'manual',
    });
    const body: unknown = await response.json().catch(() => undefined);
    return {
      kind: 'answered',
      status: response.status,
      body,
      date: response.headers.get('date') ?? undefined,
    };
  } catch (error) {
    return { kind: 'unreachable', message: networkFailure(error) };
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
