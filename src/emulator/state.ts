import { randomBytes } from 'node:crypto';
import { timestamp } from './ids.ts';
import type {
  CreateCount,
  ExpressCustomer,
  ExpressCustomerOptions,
  Product,
  RequestLogEntry,
  Study,
} from './model.ts';

const MAX_LOGGED_REQUESTS = 10_000;
const MAX_OPEN_LINKS = 1_000;

/** What survives a restart. */
export interface EmulatorSnapshot {
  readonly studies: readonly Study[];
  readonly customers: readonly ExpressCustomer[];
  readonly creates: readonly CreateCount[];
}

export interface EmulatorStateOptions {
  readonly customers: readonly ExpressCustomerOptions[];
  /** Wall clock, milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** What an earlier run left; its customers take precedence over the configured ones. */
  readonly restored?: EmulatorSnapshot | undefined;
  /** Called after each change to what a snapshot holds. */
  readonly onChange?: (() => void) | undefined;
}

/** The account as it stands: studies, customers, counts, requests seen. Records are replaced, never edited. */
export interface EmulatorState {
  /** All studies, oldest first. */
  studies(): readonly Study[];
  findStudy(studyId: string): Study | undefined;
  /** Studies of one product with this UID, oldest first. */
  findStudiesByUid(product: Product, studyInstanceUid: string): readonly Study[];
  /** Adds a study, or replaces the one with its id. */
  putStudy(study: Study): void;
  removeStudy(studyId: string): void;
  /** All customers, oldest first. */
  customers(): readonly ExpressCustomer[];
  findCustomer(expressCustomerId: string): ExpressCustomer | undefined;
  /** Adds a customer, or replaces the one with its id. */
  putCustomer(customer: ExpressCustomer): void;
  /** Counts a valid create request; `created` tells whether a new study came of it. */
  countCreate(key: Omit<CreateCount, 'requested' | 'created'>, created: boolean): void;
  creates(): readonly CreateCount[];
  /** Opens a log entry for a request; the oldest entries give way beyond 10,000. */
  logRequest(request: { method: string; path: string; product: Product | null }): RequestLogEntry;
  requests(): readonly RequestLogEntry[];
  /** Makes a token that stands for a study or report for a time. */
  createLink(subjectId: string, lifetimeMs: number): string;
  /** @returns the id a link stands for, or undefined where it is unknown or too old. */
  resolveLink(token: string): string | undefined;
  snapshot(): EmulatorSnapshot;
  /** Back to the configured customers, with no studies, counts or requests. */
  reset(): void;
}

/** Keeps the account in memory. */
export function createEmulatorState(options: EmulatorStateOptions): EmulatorState {
  const { now, onChange = () => undefined } = options;
  const studies = new Map<string, Study>();
  const studyIdsByUid = new Map<string, string[]>();
  const customers = new Map<string, ExpressCustomer>();
  const creates = new Map<string, CreateCount>();
  const links = new Map<string, { subjectId: string; expiresAt: number }>();
  let requests: RequestLogEntry[] = [];
  let nextSeq = 1;

  const uidKey = (product: Product, studyInstanceUid: string) => `${product} ${studyInstanceUid}`;

  function insertStudy(study: Study): void {
    if (!studies.has(study.studyId)) {
      const key = uidKey(study.product, study.studyInstanceUid);
      studyIdsByUid.set(key, [...(studyIdsByUid.get(key) ?? []), study.studyId]);
    }
    studies.set(study.studyId, study);
  }

  function insertCount(count: CreateCount): void {
    creates.set(`${count.expressCustomerId ?? ''} ${uidKey(count.product, count.studyInstanceUid)}`, count);
  }

  function insertConfiguredCustomers(): void {
    const at = timestamp(now());
    for (const { id, name, isActive } of options.customers) {
      if (customers.has(id)) continue;
      customers.set(id, {
        expressCustomerId: id,
        expressCustomerName: name,
        isActive,
        userIds: [],
        createdAt: at,
        updatedAt: at,
        createdByApiKeyId: null,
        metadata: {},
      });
    }
  }

  for (const study of options.restored?.studies ?? []) insertStudy(study);
  for (const customer of options.restored?.customers ?? [])
    customers.set(customer.expressCustomerId, customer);
  for (const count of options.restored?.creates ?? []) insertCount(count);
  insertConfiguredCustomers();

  return {
    studies: () => [...studies.values()],
    findStudy: (studyId) => studies.get(studyId),
    findStudiesByUid: (product, studyInstanceUid) =>
      (studyIdsByUid.get(uidKey(product, studyInstanceUid)) ?? []).flatMap((id) => studies.get(id) ?? []),
    putStudy(study) {
      insertStudy(study);
      onChange();
    },
    removeStudy(studyId) {
      const study = studies.get(studyId);
      if (study === undefined) return;
      studies.delete(studyId);
      const key = uidKey(study.product, study.studyInstanceUid);
      const rest = (studyIdsByUid.get(key) ?? []).filter((id) => id !== studyId);
      if (rest.length > 0) studyIdsByUid.set(key, rest);
      else studyIdsByUid.delete(key);
      onChange();
    },
    customers: () => [...customers.values()],
    findCustomer: (id) => customers.get(id),
    putCustomer(customer) {
      customers.set(customer.expressCustomerId, customer);
      onChange();
    },
    countCreate(key, created) {
      const mapKey = `${key.expressCustomerId ?? ''} ${uidKey(key.product, key.studyInstanceUid)}`;
      const before = creates.get(mapKey);
      insertCount({
        ...key,
        requested: (before?.requested ?? 0) + 1,
        created: (before?.created ?? 0) + (created ? 1 : 0),
      });
      onChange();
    },
    creates: () => [...creates.values()],
    logRequest({ method, path, product }) {
      const entry: RequestLogEntry = {
        seq: nextSeq++,
        at: new Date(now()).toISOString(),
        method,
        path,
        product,
        apiKeyId: null,
        status: null,
        fault: null,
      };
      requests.push(entry);
      // Twice the limit before cutting, so that a long run does not copy the list at every request.
      if (requests.length >= 2 * MAX_LOGGED_REQUESTS) requests = requests.slice(-MAX_LOGGED_REQUESTS);
      return entry;
    },
    requests: () => requests.slice(-MAX_LOGGED_REQUESTS),
    createLink(subjectId, lifetimeMs) {
      const token = randomBytes(24).toString('base64url');
      links.set(token, { subjectId, expiresAt: now() + lifetimeMs });
      const [oldest] = links.keys();
      if (links.size > MAX_OPEN_LINKS && oldest !== undefined) links.delete(oldest);
      return token;
    },
    resolveLink(token) {
      const link = links.get(token);
      return link !== undefined && link.expiresAt > now() ? link.subjectId : undefined;
    },
    snapshot: () => ({
      studies: [...studies.values()],
      customers: [...customers.values()],
      creates: [...creates.values()],
    }),
    reset() {
      for (const map of [studies, studyIdsByUid, customers, creates, links]) map.clear();
      requests = [];
      insertConfiguredCustomers();
      onChange();
    },
  };
}
