import type { CustomerKey } from '../../core/study/instance.ts';
import type { Product } from '../../core/study/study.ts';
import type { ApiFailure, ApiResult, AvaraClient } from '../client.ts';
import { fingerprintApiKey } from '../customers.ts';
import type { AvaraCustomers } from '../customers.ts';
import { readStudyReply } from '../study-reply.ts';

export interface AvaraAccountOptions {
  readonly customers: AvaraCustomers;
  /** The client of a customer's API key; undefined for a customer that is not configured. */
  readonly clientOf: (customer: CustomerKey) => AvaraClient | undefined;
}

/** What Avara says of a study by its own id. */
export type RetrievedStudy =
  | {
      readonly kind: 'found';
      readonly studyInstanceUid: string;
      readonly expressCustomerId?: string;
      readonly product: Product;
    }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreachable'; readonly message: string };

/** A temporary URL, or why there is none. */
export type UrlResult = { readonly ok: true; readonly url: string } | ApiFailure;

/** Calls of Avara's API besides those that deliver studies. Nothing is repeated: whoever calls decides about that. */
export interface AvaraAccount {
  /** Asks for a study by Avara's id, with the API keys of these customers. */
  retrieve(customers: ReadonlySet<CustomerKey>, avaraStudyId: string): Promise<RetrievedStudy>;
  /** A URL under which a person opens the study, for a short time. @param userId needed for AutoScribe. */
  openUrl(
    customer: CustomerKey,
    product: Product,
    study: { readonly studyId: string } | { readonly studyInstanceUid: string },
    userId: string | undefined,
  ): Promise<UrlResult>;
  /** A URL of a report's PDF that is good for an hour. */
  reportUrl(customer: CustomerKey, reportId: string): Promise<UrlResult>;
}

const PRODUCTS: readonly Product[] = ['autoScribe', 'viewer'];

export function createAvaraAccount({ customers, clientOf }: AvaraAccountOptions): AvaraAccount {
  /** One customer per API key. */
  function distinctKeys(wanted: ReadonlySet<CustomerKey>): readonly CustomerKey[] {
    const byKey = new Map<string, CustomerKey>();
    for (const name of wanted) {
      const customer = customers.get(name);
      if (customer !== undefined) byKey.set(fingerprintApiKey(customer.avara), name);
    }
    return [...byKey.values()];
  }

  async function request(
    customer: CustomerKey,
    call: Parameters<AvaraClient['request']>[0],
  ): Promise<ApiResult> {
    const client = clientOf(customer);
    if (client !== undefined) return client.request(call);
    return { ok: false, kind: 'permanent', message: `customer ${customer} is not in the configuration` };
  }

  async function urlOf(customer: CustomerKey, call: Parameters<AvaraClient['request']>[0], member: string) {
    const answer = await request(customer, call);
    if (!answer.ok) return answer;
    const url = findUrl(answer.body, member);
    if (url !== undefined) return { ok: true as const, url };
    const message = `Avara answered ${answer.status}, but without a URL`;
    return { ok: false as const, kind: 'transient' as const, message, isRateLimit: false };
  }

  return {
    async retrieve(wanted, avaraStudyId) {
      let unreachable: string | undefined;
      for (const customer of distinctKeys(wanted)) {
        for (const product of PRODUCTS) {
          const path = `/v1/${product}/studies/${encodeURIComponent(avaraStudyId)}`;
          const answer = await request(customer, { method: 'GET', path });
          if (!answer.ok) {
            if (answer.kind === 'transient') unreachable = answer.message;
            continue;
          }
          const uid = (answer.body as { studyInstanceUid?: unknown } | null)?.studyInstanceUid;
          const study = typeof uid === 'string' ? readStudyReply(answer.body, uid) : undefined;
          if (study?.studyId !== avaraStudyId) continue;
          const { studyInstanceUid, expressCustomerId } = study;
          const of = expressCustomerId === undefined ? {} : { expressCustomerId };
          return { kind: 'found', studyInstanceUid, ...of, product };
        }
      }
      return unreachable === undefined ? { kind: 'missing' } : { kind: 'unreachable', message: unreachable };
    },
    openUrl: (customer, product, study, userId) =>
      urlOf(
        customer,
        {
          method: 'POST',
          path: `/v1/${product}/studies/reroute-url`,
          body: {
            ...study,
            ...(product === 'autoScribe' && userId !== undefined && { assignedToUserId: userId }),
          },
        },
        'url',
      ),
    reportUrl: (customer, reportId) =>
      urlOf(
        customer,
        { method: 'GET', path: `/v1/autoScribe/reports/pdf?reportId=${encodeURIComponent(reportId)}` },
        'presignedUrl',
      ),
  };
}

/** The member of the answer, or of the first item of its `reports`. */
function findUrl(body: unknown, member: string): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const value: unknown = (body as Record<string, unknown>)[member];
  if (typeof value === 'string' && /^https?:\/\//.test(value)) return value;
  const { reports } = body as { reports?: unknown };
  return Array.isArray(reports) ? findUrl(reports[0], member) : undefined;
}
