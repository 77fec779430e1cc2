/**
 * What the daemon answers to an event that it does not serve, or cannot serve in time: HTTP 200, and a body of the
 * shape that the type promises, so that Avara reads a refusal and not a fault.
 * @param error for the person who waits at Avara's end: no patient data, nothing about other customers.
 */
export function refusalFor(type: string, error: string): Readonly<Record<string, unknown>> {
  switch (type) {
    case 'study.access_requested':
    case 'ephemeral.access_requested':
      return { authorized: false, urls: [], error };
    case 'secondary_capture.access_requested':
      return { authorized: false, uploadUrls: [], error };
    case 'modality_worklist.requested':
      return { authorized: false, items: [], error };
    case 'patient_study.enrichment_requested':
    case 'clinical_context.enrichment_requested':
      // Every member of these answers is optional: nothing to add is a full answer.
      return {};
    case 'report.delivered':
      return { success: false, error };
    default:
      return { authorized: false, success: false, urls: [], error };
  }
}

/** The types that Avara documents, whether served here or not. */
export const KNOWN_EVENT_TYPES: ReadonlySet<string> = new Set([
  'study.access_requested',
  'ephemeral.access_requested',
  'secondary_capture.access_requested',
  'modality_worklist.requested',
  'patient_study.enrichment_requested',
  'clinical_context.enrichment_requested',
  'report.delivered',
]);

/** Why a type is not served, for {@link refusalFor}. */
export function unservedReason(type: string): string {
  switch (type) {
    case 'modality_worklist.requested':
      return 'no worklist is configured here';
    case 'report.delivered':
      return 'reports are not taken here';
    case 'secondary_capture.access_requested':
      return 'captures are not taken here';
    case 'ephemeral.access_requested':
      return 'ephemeral sessions are not served here';
    default:
      return 'unsupported event type';
  }
}
