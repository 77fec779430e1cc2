import type { Product, StudyRecord } from '../study/study.ts';

/** A study as Avara has it. */
export interface AvaraStudy {
  readonly studyId: string;
  readonly studyInstanceUid: string;
  readonly expressCustomerId?: string;
  readonly isCancelled: boolean;
}

/** How a call to Avara failed; closed set that `core/delivery` decides by. */
export type GatewayFailure =
  /** Network error, timeout, 408, 409, 429, 5xx, a 2xx that cannot be read: it may have happened or not. */
  | {
      readonly kind: 'transient';
      readonly message: string;
      readonly retryAfterMs?: number;
      readonly isRateLimit: boolean;
    }
  /** 401 or 403: this API key is refused, `customer`: perhaps for this customer's studies only. */
  | { readonly kind: 'unauthorized'; readonly message: string; readonly scope?: 'key' | 'customer' }
  /**
   * Any other 4xx: the same request will fail again. Or the server asks not to repeat it, which says nothing of
   * whether it took effect.
   */
  | { readonly kind: 'permanent'; readonly message: string; readonly mayHaveHappened?: boolean };

export type GatewayResult<T> =
  { readonly ok: true; readonly value: T } | ({ readonly ok: false } & GatewayFailure);

/** Avara's API as the outbox needs it. Never rejects; messages hold no patient data and are bounded. */
export interface StudyGateway {
  /** By Study Instance UID; `undefined`: not there, or not visible to this key. */
  find(study: StudyRecord, product: Product): Promise<GatewayResult<AvaraStudy | undefined>>;
  /**
   * By Study Instance UID among the studies of this record's Express customer that are not cancelled; for when
   * {@link find} shows another one of the same UID.
   */
  findOfCustomer(study: StudyRecord, product: Product): Promise<GatewayResult<AvaraStudy | undefined>>;
  create(study: StudyRecord, product: Product): Promise<GatewayResult<AvaraStudy>>;
  /** What Avara is told of the study, as text to compare and to keep. Patient data: never log it. */
  describe(study: StudyRecord, product: Product): string;
  /** Tells Avara what is different from `sent`, an earlier {@link describe}. Nothing is sent where nothing is. */
  update(
    study: StudyRecord,
    product: Product,
    avaraStudyId: string,
    sent: string,
  ): Promise<GatewayResult<undefined>>;
  /** Cancels the study, or takes the cancellation back. @returns whether Avara says that it did. */
  setCancelled(
    study: StudyRecord,
    product: Product,
    avaraStudyId: string,
    isCancelled: boolean,
  ): Promise<GatewayResult<{ readonly isDone: boolean; readonly message?: string }>>;
  /** The Express customer that studies of this record's customer belong to. */
  expectedExpressCustomerId(study: StudyRecord): string;
}
