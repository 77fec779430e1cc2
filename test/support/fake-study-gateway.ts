import type {
  AvaraStudy,
  GatewayFailure,
  GatewayResult,
  StudyGateway,
} from '../../src/core/ports/study-gateway.ts';
import type { Product, StudyRecord } from '../../src/core/study/study.ts';

/** What happens to a call: a failure before it takes effect, or after it (`isCommitted`: only the answer is lost). */
export type GatewayFault = GatewayFailure & { readonly isCommitted?: boolean };

export const UNREACHABLE: GatewayFault = {
  kind: 'transient',
  message: 'network error: ECONNREFUSED',
  isRateLimit: false,
};
export const REPLY_LOST: GatewayFault = {
  ...UNREACHABLE,
  message: 'network error: ECONNRESET',
  isCommitted: true,
};
export const UNAUTHORIZED: GatewayFault = { kind: 'unauthorized', message: 'Avara answered 401' };

export type GatewayCall = 'find' | 'create' | 'update' | 'cancel' | 'uncancel';

/** Avara in memory: studies by product and UID, each under the customer that created it. */
export interface FakeStudyGateway extends StudyGateway {
  /** Calls that got through to Avara, such as `find viewer 1.2.3`, in order. */
  readonly calls: readonly string[];
  readonly creates: number;
  /** Puts a study there by other hands. */
  put(study: StudyRecord, product: Product, changes?: Partial<AvaraStudy>): AvaraStudy;
  /** Decides about each call; undefined lets it through. */
  fault: (call: GatewayCall, study: StudyRecord) => GatewayFault | Error | undefined;
  /** Changes what a create answers. */
  answer: (study: AvaraStudy) => AvaraStudy;
  /** Holds calls back until the promise resolves. */
  gate: Promise<void> | undefined;
  /** Most calls that were under way at once. */
  readonly mostAtOnce: number;
}

export function createFakeStudyGateway(customerIdOf = (key: string) => `cus_${key}`): FakeStudyGateway {
  const studies = new Map<string, AvaraStudy>();
  const calls: string[] = [];
  let creates = 0;
  let underway = 0;
  let mostAtOnce = 0;

  const place = (study: StudyRecord, product: Product) => `${product} ${study.key.studyInstanceUid}`;

  function put(study: StudyRecord, product: Product, changes: Partial<AvaraStudy> = {}): AvaraStudy {
    const made: AvaraStudy = {
      studyId: `stu_${studies.size + 1}`,
      studyInstanceUid: study.key.studyInstanceUid,
      expressCustomerId: customerIdOf(study.key.customer),
      isCancelled: false,
      ...changes,
    };
    studies.set(place(study, product), made);
    return made;
  }

  async function call<T>(
    name: GatewayCall,
    study: StudyRecord,
    product: Product,
    effect: () => T,
  ): Promise<GatewayResult<T>> {
    calls.push(`${name} ${place(study, product)}`);
    underway += 1;
    mostAtOnce = Math.max(mostAtOnce, underway);
    await (gateway.gate ?? Promise.resolve());
    underway -= 1;
    const fault = gateway.fault(name, study);
    if (fault instanceof Error) throw fault;
    if (fault !== undefined && fault.isCommitted !== true) return { ok: false, ...fault };
    const value = effect();
    return fault === undefined ? { ok: true, value } : { ok: false, ...fault };
  }

  const gateway: FakeStudyGateway = {
    calls,
    put,
    gate: undefined,
    fault: () => undefined,
    answer: (study) => study,
    get creates() {
      return creates;
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
    find: (study, product) => call('find', study, product, () => studies.get(place(study, product))),
    findOfCustomer: (study, product) =>
      call('find', study, product, () => {
        const known = studies.get(place(study, product));
        const isOwn = known?.expressCustomerId === customerIdOf(study.key.customer);
        return isOwn && !known.isCancelled ? known : undefined;
      }),
    create: (study, product) =>
      call('create', study, product, () => {
        creates += 1;
        return gateway.answer(put(study, product));
      }),
    describe: (study) => JSON.stringify(study.attributes),
    update: (study, product) => call('update', study, product, () => undefined),
    setCancelled: (study, product, _, isCancelled) =>
      call(isCancelled ? 'cancel' : 'uncancel', study, product, () => {
        const known = studies.get(place(study, product));
        if (known === undefined || known.isCancelled === isCancelled)
          return { isDone: false, message: 'Study is so already' };
        studies.set(place(study, product), { ...known, isCancelled });
        return { isDone: true };
      }),
    expectedExpressCustomerId: (study) => customerIdOf(study.key.customer),
  };
  return gateway;
}
