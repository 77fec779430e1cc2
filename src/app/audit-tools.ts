/** What commands use of the audit trail without a daemon. */
export { readAuditTrail, verifyAuditTrail } from '../storage/verify-audit.ts';
export type { AuditLine, AuditVerdict } from '../storage/verify-audit.ts';
