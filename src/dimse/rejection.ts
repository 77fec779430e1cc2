/** Why an Association is rejected: PS3.8 Table 9-21, by name. */

export const REJECTION_RESULT = { 'rejected-permanent': 1, 'rejected-transient': 2 } as const;
export const REJECTION_SOURCE = {
  'service-user': 1,
  'service-provider (ACSE)': 2,
  'service-provider (presentation)': 3,
} as const;

export interface Rejection {
  readonly result: keyof typeof REJECTION_RESULT;
  readonly source: keyof typeof REJECTION_SOURCE;
  /** The number that stands for the reason under its source. */
  readonly reason: number;
}

const permanentByUser = (reason: number): Rejection => ({
  result: 'rejected-permanent',
  source: 'service-user',
  reason,
});

/** The rejections that this acceptor gives. */
export const REJECTIONS = {
  'no-reason-given': permanentByUser(1),
  'application-context-name-not-supported': permanentByUser(2),
  'calling-ae-title-not-recognized': permanentByUser(3),
  'called-ae-title-not-recognized': permanentByUser(7),
  'protocol-version-not-supported': {
    result: 'rejected-permanent',
    source: 'service-provider (ACSE)',
    reason: 2,
  },
  /** A fault of ours: the requestor should try again later. */
  'processing-failure': { result: 'rejected-transient', source: 'service-provider (ACSE)', reason: 1 },
  'temporary-congestion': {
    result: 'rejected-transient',
    source: 'service-provider (presentation)',
    reason: 1,
  },
  'local-limit-exceeded': {
    result: 'rejected-transient',
    source: 'service-provider (presentation)',
    reason: 2,
  },
} as const satisfies Record<string, Rejection>;
export type RejectionReason = keyof typeof REJECTIONS;
