import type { AvaraStudy } from '../ports/study-gateway.ts';

export interface ObjectionOptions {
  /** It was there before us. */
  readonly isAdopted: boolean;
  /** An operator has said what is to become of a cancelled study. */
  readonly mayBeCancelled: boolean;
}

/** Why a study at Avara cannot be taken for ours, in words for the operator. */
export function objectTo(
  found: AvaraStudy,
  expectedCustomerId: string,
  { isAdopted, mayBeCancelled }: ObjectionOptions,
): string | undefined {
  const has = isAdopted ? 'Avara already has this study' : 'Avara created this study';
  if (found.expressCustomerId === undefined) {
    return `${has} as ${found.studyId}, but under no Express customer instead of ${expectedCustomerId}: members of the customer cannot see it. Correct it at Avara, then retry.`;
  }
  if (found.expressCustomerId !== expectedCustomerId) {
    return `${has} as ${found.studyId}, but under another Express customer (${found.expressCustomerId} instead of ${expectedCustomerId}). Find out whose study it is before anything else; correct the route or the study at Avara, then retry.`;
  }
  if (found.isCancelled && !mayBeCancelled) {
    return `${has} as ${found.studyId}, but it is cancelled there. Uncancel it if it is wanted.`;
  }
  return undefined;
}
