import { ApiError } from './errors.ts';
import { createId, timestamp } from './ids.ts';
import type { ApiKey, AutoScribeStudy, EmulatedUser, Product, Study, ViewerStudy } from './model.ts';
import type {
  AutoScribeCreate,
  AutoScribeUpdate,
  ListQuery,
  ReportMetadata,
  ReportMetadataPatch,
  StudyReference,
  ViewerCreate,
  ViewerUpdate,
} from './schemas.ts';
import type { EmulatorState } from './state.ts';

/** What a create does where the account has a study of this product with the UID already. The real answer is unknown. */
export type OnDuplicate = 'conflict' | 'second-study' | 'return-existing';

export interface StudyRulesOptions {
  readonly state: EmulatorState;
  readonly users: readonly EmulatedUser[];
  readonly onDuplicate: OnDuplicate;
  /** Whether the account has Express; without it `expressCustomerId` is refused. */
  readonly expressEnabled: boolean;
  readonly now: () => number;
}

/** The rules of studies. Every function throws ApiError for what the API refuses. */
export interface StudyRules {
  createViewer(apiKey: ApiKey, body: ViewerCreate): Study;
  createAutoScribe(apiKey: ApiKey, body: AutoScribeCreate): Study;
  updateViewer(study: Study, body: ViewerUpdate): Study;
  updateAutoScribe(apiKey: ApiKey, study: Study, body: AutoScribeUpdate): Study;
  /** The study with this id. @throws ApiError 404 where it is missing, of another product, or hidden from the key. */
  get(apiKey: ApiKey, product: Product, studyId: string): Study;
  /** The study with this UID; where several match, one that is not cancelled, then the newest. @throws ApiError 404 */
  getByUid(apiKey: ApiKey, product: Product, studyInstanceUid: string): Study;
  getReferenced(apiKey: ApiKey, product: Product, reference: StudyReference): Study;
  /** Newest first, so that pages shift while studies are added. */
  list(apiKey: ApiKey, product: Product, query: ListQuery): readonly Study[];
  /** @returns false where the study was in that state already. */
  setCancelled(study: Study, isCancelled: boolean): boolean;
}

/** Leaves out keys whose value is undefined: a field that was not sent does not change. */
function sent<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function mergeReportMetadata(current: ReportMetadata, patch: ReportMetadataPatch): ReportMetadata {
  const merged = Object.entries({ ...current, ...sent(patch) }).filter(([, value]) => value !== null);
  return Object.fromEntries(merged);
}

/** Applies the rules of section 2 of the API to the account's state. */
export function createStudyRules(options: StudyRulesOptions): StudyRules {
  const { state, users, onDuplicate, expressEnabled, now } = options;

  const isVisible = (apiKey: ApiKey, study: Study) =>
    apiKey.studyScope === 'all' || study.createdByApiKeyId === apiKey.apiKeyId;

  function requireCustomer(apiKey: ApiKey, expressCustomerId: string | undefined): void {
    if (expressCustomerId === undefined) return;
    if (!expressEnabled)
      throw new ApiError(400, 'expressCustomerId: Express is not enabled for this account');
    if (apiKey.expressAccess === 'none') {
      throw new ApiError(403, 'expressCustomerId: this API key has no Express customer access');
    }
    const customer = state.findCustomer(expressCustomerId);
    if (customer === undefined) throw new ApiError(400, 'expressCustomerId: no such Express customer');
    if (!customer.isActive)
      throw new ApiError(400, 'expressCustomerId: this Express customer is deactivated');
  }

  function requireUser(userId: string | undefined): void {
    if (userId !== undefined && !users.some((user) => user.userId === userId)) {
      throw new ApiError(400, 'assignedTo: no such user');
    }
  }

  function create<T extends Study>(
    apiKey: ApiKey,
    product: T['product'],
    body: ViewerCreate,
    build: (base: Omit<ViewerStudy, 'product' | 'studyViewerStatus'>) => T,
  ): Study {
    requireCustomer(apiKey, body.expressCustomerId);
    requireUser(body.assignedTo);
    const expressCustomerId = body.expressCustomerId ?? null;
    const count = { expressCustomerId, product, studyInstanceUid: body.studyInstanceUid };
    const existing = state.findStudiesByUid(product, body.studyInstanceUid);
    const [first] = existing;
    if (first !== undefined && onDuplicate !== 'second-study') {
      state.countCreate(count, false);
      const visible = existing.find((study) => isVisible(apiKey, study));
      if (onDuplicate === 'return-existing' && visible !== undefined) return visible;
      throw new ApiError(409, 'A study with this studyInstanceUid already exists');
    }
    const at = timestamp(now());
    const study = build({
      studyId: createId('stu'),
      studyInstanceUid: body.studyInstanceUid,
      studyDescription: body.studyDescription,
      severity: body.severity,
      isCancelled: false,
      cancelledAt: null,
      createdAt: at,
      updatedAt: at,
      assignedTo: body.assignedTo ?? null,
      createdByApiKeyId: apiKey.apiKeyId,
      expressCustomerId,
      metadata: body.metadata ?? {},
    });
    state.putStudy(study);
    state.countCreate(count, true);
    return study;
  }

  function get(apiKey: ApiKey, product: Product, studyId: string): Study {
    const study = state.findStudy(studyId);
    if (study?.product !== product || !isVisible(apiKey, study)) throw new ApiError(404, 'Study not found');
    return study;
  }

  function getByUid(apiKey: ApiKey, product: Product, studyInstanceUid: string): Study {
    const matches = state
      .findStudiesByUid(product, studyInstanceUid)
      .filter((study) => isVisible(apiKey, study))
      .toReversed();
    const study = matches.find((match) => !match.isCancelled) ?? matches[0];
    if (study === undefined) throw new ApiError(404, 'Study not found');
    return study;
  }

  const rules: StudyRules = {
    createViewer: (apiKey, body) =>
      create<ViewerStudy>(apiKey, 'viewer', body, (base) => ({
        ...base,
        product: 'viewer',
        studyViewerStatus: 'incomplete',
      })),

    createAutoScribe: (apiKey, body) =>
      create<AutoScribeStudy>(apiKey, 'autoScribe', body, (base) => ({
        ...base,
        product: 'autoScribe',
        studyType: 'standard',
        reportMetadata: body.reportMetadata,
        modality: body.modality ?? null,
        externalPatientId: body.externalPatientId ?? null,
        clinicalIndication: body.clinicalIndication ?? null,
        clinicalHistory: body.clinicalHistory ?? null,
        technologistTechnique: body.technologistTechnique ?? null,
        technologistNotes: body.technologistNotes ?? [],
        priorReports: body.priorReports ?? [],
        reportIds: [],
      })),

    updateViewer(study, body) {
      if (study.product !== 'viewer') throw new ApiError(404, 'Study not found');
      requireUser(body.assignedTo);
      const { metadata, ...fields } = body;
      const updated: ViewerStudy = {
        ...study,
        ...sent(fields),
        ...(metadata === undefined ? {} : { metadata: metadata ?? {} }),
        updatedAt: timestamp(now()),
      };
      state.putStudy(updated);
      return updated;
    },

    updateAutoScribe(apiKey, study, body) {
      if (study.product !== 'autoScribe') throw new ApiError(404, 'Study not found');
      requireUser(body.assignedTo);
      requireCustomer(apiKey, body.expressCustomerId);
      const { metadata, technologistNotes, priorReports, reportMetadata, ...fields } = body;
      const updated: AutoScribeStudy = {
        ...study,
        ...sent(fields),
        ...(metadata === undefined ? {} : { metadata: metadata ?? {} }),
        ...(technologistNotes === undefined ? {} : { technologistNotes: technologistNotes ?? [] }),
        ...(priorReports === undefined ? {} : { priorReports: priorReports ?? [] }),
        ...(reportMetadata === undefined
          ? {}
          : { reportMetadata: mergeReportMetadata(study.reportMetadata, reportMetadata) }),
        updatedAt: timestamp(now()),
      };
      state.putStudy(updated);
      return updated;
    },

    get,
    getByUid,
    getReferenced(apiKey, product, reference) {
      if (reference.studyId !== undefined) return get(apiKey, product, reference.studyId);
      return getByUid(apiKey, product, reference.studyInstanceUid ?? '');
    },

    list(apiKey, product, query) {
      const description = query.studyDescription?.toLowerCase();
      return state
        .studies()
        .filter((study) => study.product === product && isVisible(apiKey, study))
        .filter((study) => query.assignedTo === undefined || study.assignedTo === query.assignedTo)
        .filter(
          (study) =>
            query.expressCustomerId === undefined || study.expressCustomerId === query.expressCustomerId,
        )
        .filter((study) => (query.isCancelled ?? study.isCancelled) === study.isCancelled)
        .filter((study) => (query.severity ?? study.severity) === study.severity)
        .filter((study) => study.studyDescription.toLowerCase().includes(description ?? ''))
        .filter((study) => matchesProductFilters(study, query))
        .toReversed();
    },

    setCancelled(study, isCancelled) {
      if (study.isCancelled === isCancelled) return false;
      const at = timestamp(now());
      state.putStudy({ ...study, isCancelled, cancelledAt: isCancelled ? at : null, updatedAt: at });
      return true;
    },
  };
  return rules;
}

/** Where the reading of a study stands. */
export function reportStatusOf(study: AutoScribeStudy): 'unassigned' | 'assigned' | 'completed' {
  if (study.reportIds.length > 0) return 'completed';
  return study.assignedTo === null ? 'unassigned' : 'assigned';
}

function matchesProductFilters(study: Study, query: ListQuery): boolean {
  if (study.product === 'viewer') {
    const wanted = 'studyViewerStatus' in query ? query.studyViewerStatus : undefined;
    return wanted === undefined || wanted === study.studyViewerStatus;
  }
  const statuses = 'studyReportStatus' in query ? query.studyReportStatus : undefined;
  const type = 'studyType' in query ? query.studyType : undefined;
  const status = reportStatusOf(study);
  return (
    (statuses === undefined || statuses.includes(status)) && (type === undefined || type === study.studyType)
  );
}
