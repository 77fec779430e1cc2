import type { RefusalCode } from '../../core/ports/intake.ts';

/** DIMSE Status values that this daemon answers with: PS3.7 Annex C, and PS3.4 Table B.2-1 for C-STORE. */
export const STATUS = {
  success: 0x0000,
  'processing-failure': 0x0110,
  'no-such-sop-instance': 0x0112,
  'invalid-argument-value': 0x0115,
  'invalid-object-instance': 0x0117,
  'no-such-sop-class': 0x0118,
  'missing-attribute': 0x0120,
  'sop-class-not-supported': 0x0122,
  'no-such-action-type': 0x0123,
  'unrecognized-operation': 0x0211,
  'resource-limitation': 0x0213,
  'out-of-resources': 0xa700,
  'data-set-does-not-match-sop-class': 0xa900,
  'cannot-understand': 0xc000,
} as const;
export type StatusName = keyof typeof STATUS;

/** How a refusal of the intake reads on the wire. */
export const STATUS_OF_REFUSAL: Readonly<Record<RefusalCode, StatusName>> = {
  'out-of-resources': 'out-of-resources',
  'identity-mismatch': 'data-set-does-not-match-sop-class',
  'cannot-understand': 'cannot-understand',
  'processing-failure': 'processing-failure',
};
