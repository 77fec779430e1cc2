/** The configuration of a daemon under test: one customer, one route, Avara out of reach, no space kept free. */
export function siteConfig(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    avara: { baseUrl: 'http://127.0.0.1:9', apiKey: 'bench-api-key', webhookSecret: 'bench-webhook-secret' },
    customers: { bench: { expressCustomerId: `cus_${'0b'.repeat(16)}`, products: ['viewer'] } },
    routes: [{ calledAe: 'BENCH', customer: 'bench' }],
    storage: { reserveBytes: 0 },
    ...more,
  };
}
