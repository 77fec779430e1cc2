import { z } from 'zod';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { ReportRecords } from '../../core/ports/report-records.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import { parseMembers } from './event.ts';
import type { EventHandler, VerifiedEvent } from './event.ts';
import { recordHandOut } from './hand-out.ts';

export interface ReportDeliveredHandlerOptions {
  readonly reports: Pick<ReportRecords, 'accept'>;
  readonly index: Pick<StudyIndex, 'findStudyByAvaraId'>;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A report is waiting to be fetched. */
  readonly onAccepted: () => void;
}

/** Ids become names of folders, so nothing but what Avara's ids are made of may be in them. */
const id = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/);
const dataSchema = z.object({
  reportId: id,
  studyId: id,
  presignedUrl: z.url({ protocol: /^https?$/ }).max(8192),
  isCritical: z.boolean().optional(),
  plainText: z.string().nullish(),
});

/** Takes `report.delivered` down durably, and only then says so. The report itself is fetched afterwards. */
export function createReportDeliveredHandler(options: ReportDeliveredHandlerOptions): EventHandler {
  const { reports, index, clock, onAccepted } = options;

  return async function takeReport(event: VerifiedEvent): Promise<unknown> {
    const { reportId, studyId, presignedUrl, isCritical, plainText } = parseMembers(
      dataSchema,
      event.data,
      event.type,
    );
    const known = index.findStudyByAvaraId(studyId)?.study;
    // A study of others is no study as far as this signer is concerned.
    const study = known !== undefined && event.customers.has(known.key.customer) ? known.key : undefined;
    const acceptance = await reports.accept(
      {
        eventId: event.id,
        reportId,
        avaraStudyId: studyId,
        signers: [...event.customers],
        isCritical: isCritical ?? false,
        presignedUrl,
        ...(typeof plainText === 'string' && plainText !== '' && { plainText }),
        ...(study !== undefined && { study }),
      },
      clock.now(),
    );
    recordHandOut(
      event,
      {
        name: 'report.delivered',
        customer: study?.customer,
        studyInstanceUid: study?.studyInstanceUid ?? '',
        detail: `${reportId}, ${acceptance}`,
      },
      options,
    );
    if (acceptance === 'new') onAccepted();
    return { success: true };
  };
}
