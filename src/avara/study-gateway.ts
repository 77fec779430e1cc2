import type { AvaraStudy, GatewayFailure, GatewayResult, StudyGateway } from '../core/ports/study-gateway.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Product, StudyRecord } from '../core/study/study.ts';
import { createAvaraClient } from './client.ts';
import type { ApiObserver, ApiSuccess, AvaraClient } from './client.ts';
import { fingerprintApiKey } from './customers.ts';
import type { AvaraCustomer, AvaraCustomers } from './customers.ts';
import { describeErrorBody } from './error-text.ts';
import { mapChanges } from './mapping/changes.ts';
import { mapStudy, privateValues } from './mappers.ts';
import type { StudyBody } from './mappers.ts';
import { withLegacyNames } from './mapping/legacy-names.ts';
import { readStudyList, readStudyReply } from './study-reply.ts';

const PAGE_SIZE = 100;
/** More pages than a customer has studies for: a server that never ends must not keep us for ever. */
const MAX_PAGES = 5000;

export interface StudyGatewayOptions {
  readonly customers: AvaraCustomers;
  /** Of this program, for `User-Agent`. */
  readonly version: string;
  /** Per request; default one minute. */
  readonly timeoutMs?: number;
  /** Wall clock, milliseconds since 1970; default `Date.now`. */
  readonly now?: () => number;
  /** Told of each request that was sent. */
  readonly onRequest?: ApiObserver;
}

export interface AvaraStudyGateway extends StudyGateway {
  /** The client of a customer's API key, for other calls; undefined for a customer that is not configured. */
  clientFor(customer: CustomerKey): AvaraClient | undefined;
  /** Breaks off the requests under way; they and all later ones fail as transient. */
  close(): void;
}

/**
 * Avara's study calls over HTTP, each customer with its own API key.
 * @throws RangeError where a customer's API key or base URL cannot be used.
 */
export function createStudyGateway(options: StudyGatewayOptions): AvaraStudyGateway {
  const { customers } = options;
  const clients = new Map<string, AvaraClient>();

  for (const customer of customers.values()) clientOf(customer);

  async function find(study: StudyRecord, product: Product): Promise<GatewayResult<AvaraStudy | undefined>> {
    const customer = servedCustomer(study, product);
    if ('kind' in customer) return { ok: false, ...customer };
    const { studyInstanceUid } = study.key;
    const answer = await clientOf(customer).request({
      method: 'GET',
      path: `/v1/${product}/studies/by-uid/${encodeURIComponent(studyInstanceUid)}`,
      hidden: privateValues(study, customer),
    });
    if (answer.ok) return readStudy(answer, studyInstanceUid);
    return answer.status === 404 ? { ok: true, value: undefined } : answer;
  }

  async function findOfCustomer(
    study: StudyRecord,
    product: Product,
  ): Promise<GatewayResult<AvaraStudy | undefined>> {
    const customer = servedCustomer(study, product);
    if ('kind' in customer) return { ok: false, ...customer };
    const { studyInstanceUid } = study.key;
    const hidden = privateValues(study, customer);
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const query = new URLSearchParams({
        limit: String(PAGE_SIZE),
        expressCustomerId: customer.expressCustomerId,
        isCancelled: 'false',
        ...(cursor !== undefined && { cursor }),
      });
      const path = `/v1/${product}/studies?${query.toString()}`;
      const answer = await clientOf(customer).request({ method: 'GET', path, hidden });
      if (!answer.ok) return answer;
      const list = readStudyList(answer.body);
      if (list === undefined)
        return {
          ok: false,
          kind: 'transient',
          message: 'Avara’s list of studies cannot be read',
          isRateLimit: false,
        };
      for (const item of list.studies) {
        // Of another study it reads as none; an item without a UID proves nothing.
        const found = readStudyReply(item, studyInstanceUid);
        const isNamed =
          typeof item === 'object' && item !== null && ('studyInstanceUid' in item || 'studyUid' in item);
        if (found !== undefined && isNamed && found.expressCustomerId === customer.expressCustomerId)
          return { ok: true, value: found };
      }
      if (list.cursor === undefined) return { ok: true, value: undefined };
      cursor = list.cursor;
    }
    return { ok: false, kind: 'permanent', message: 'Avara’s list of studies does not end' };
  }

  async function create(study: StudyRecord, product: Product): Promise<GatewayResult<AvaraStudy>> {
    const customer = servedCustomer(study, product);
    if ('kind' in customer) return { ok: false, ...customer };
    const answer = await clientOf(customer).request({
      method: 'POST',
      path: `/v1/${product}/studies`,
      body: wireBody(mapStudy(study, product, customer), customer),
      hidden: privateValues(study, customer),
    });
    return answer.ok ? readStudy(answer, study.key.studyInstanceUid) : answer;
  }

  function describe(study: StudyRecord, product: Product): string {
    const customer = customers.get(study.key.customer);
    return customer === undefined ? '{}' : JSON.stringify(mapStudy(study, product, customer));
  }

  async function update(
    study: StudyRecord,
    product: Product,
    avaraStudyId: string,
    sent: string,
  ): Promise<GatewayResult<undefined>> {
    const customer = servedCustomer(study, product);
    if ('kind' in customer) return { ok: false, ...customer };
    const before = JSON.parse(sent) as Partial<StudyBody>;
    const changes = mapChanges(product, before, mapStudy(study, product, customer));
    if (changes === undefined) return { ok: true, value: undefined };
    const answer = await clientOf(customer).request({
      method: 'PATCH',
      path: `/v1/${product}/studies/${encodeURIComponent(avaraStudyId)}`,
      body: wireBody(changes, customer),
      hidden: privateValues(study, customer),
    });
    return answer.ok ? { ok: true, value: undefined } : answer;
  }

  async function setCancelled(
    study: StudyRecord,
    product: Product,
    avaraStudyId: string,
    isCancelled: boolean,
  ): Promise<GatewayResult<{ isDone: boolean; message?: string }>> {
    const customer = servedCustomer(study, product);
    if ('kind' in customer) return { ok: false, ...customer };
    const hidden = privateValues(study, customer);
    const answer = await clientOf(customer).request({
      method: 'POST',
      path: `/v1/${product}/studies/${isCancelled ? 'cancel' : 'uncancel'}`,
      body: { studyId: avaraStudyId },
      hidden,
    });
    if (!answer.ok) return answer;
    const { success, message } = answer.body as { success?: unknown; message?: unknown };
    const said = typeof message === 'string' ? describeErrorBody(message, hidden) : '';
    return { ok: true, value: { isDone: success === true, ...(said !== '' && { message: said }) } };
  }

  function expectedExpressCustomerId(study: StudyRecord): string {
    const customer = customers.get(study.key.customer);
    if (customer === undefined) throw new RangeError(`customer ${study.key.customer} is not configured`);
    return customer.expressCustomerId;
  }

  /** A customer or product taken out of the configuration is an operator's decision: nothing is sent behind it. */
  function servedCustomer(study: StudyRecord, product: Product): AvaraCustomer | GatewayFailure {
    const name = study.key.customer;
    const customer = customers.get(name);
    if (customer === undefined) {
      return { kind: 'permanent', message: `customer ${name} is not in the configuration` };
    }
    if (!customer.products.includes(product)) {
      return { kind: 'permanent', message: `customer ${name} is not configured for ${product}` };
    }
    return customer;
  }

  function clientOf(customer: AvaraCustomer): AvaraClient {
    const fingerprint = fingerprintApiKey(customer.avara);
    const known = clients.get(fingerprint);
    if (known !== undefined) return known;
    const client = createAvaraClient({ ...options, ...customer.avara });
    clients.set(fingerprint, client);
    return client;
  }

  function close(): void {
    for (const client of clients.values()) client.close();
  }

  function clientFor(name: CustomerKey): AvaraClient | undefined {
    const customer = customers.get(name);
    return customer && clientOf(customer);
  }

  return {
    find,
    findOfCustomer,
    create,
    describe,
    update,
    setCancelled,
    expectedExpressCustomerId,
    clientFor,
    close,
  };
}

function wireBody(body: object, customer: AvaraCustomer): object {
  return customer.legacyFieldNames === true ? withLegacyNames(body) : body;
}

function readStudy(answer: ApiSuccess, askedUid: string): GatewayResult<AvaraStudy> {
  const value = readStudyReply(answer.body, askedUid);
  if (value !== undefined) return { ok: true, value };
  const message = `Avara answered ${answer.status}, but not with this study`;
  return { ok: false, kind: 'transient', message, isRateLimit: false };
}
