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
  /** 401 or 403: this API key is refused. */
  | { readonly kind: 'unauthorized'; readonly message: string }
  /** Any other 4xx: the same request will fail again. */
  | { readonly kind: 'permanent'; readonly message: string };

export type GatewayResult<T> =
  { readonly ok: true; readonly value: T } | ({ readonly ok: false } & GatewayFailure);

/** Avara's API as the outbox needs it. Never rejects; messages hold no patient data and are bounded. */
export interface StudyGateway {
  /** By Study Instance UID; `undefined`: not there, or not visible to this key. */
  find(study: StudyRecord, product: Product): Promise<GatewayResult<AvaraStudy | undefined>>;
  create(study: StudyRecord, product: Product): Promise<GatewayResult<AvaraStudy>>;
  /** The Express customer that studies of this record's customer belong to. */
  expectedExpressCustomerId(study: StudyRecord): string;
}
