import { readFile } from 'node:fs/promises';
import type { AvaraAccount } from '../avara/account/account.ts';
import { createClinicalContextHandler, createPatientStudyHandler } from '../avara/webhooks/enrichment.ts';
import { createEphemeralAccessHandler } from '../avara/webhooks/ephemeral-access.ts';
import type { EventHandler } from '../avara/webhooks/event.ts';
import { createReportDeliveredHandler } from '../avara/webhooks/report-delivered.ts';
import { createSecondaryCaptureHandler } from '../avara/webhooks/secondary-capture.ts';
import { createWebhookReceiver } from '../avara/webhooks/webhook-receiver.ts';
import { createWorklistHandler } from '../avara/webhooks/worklist.ts';
import type { AuditTrail } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { ObjectUrls } from '../core/ports/object-urls.ts';
import type { ReportRecords } from '../core/ports/report-records.ts';
import type { Retrievals } from '../core/ports/retrievals.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { UploadUrls } from '../core/ports/upload-urls.ts';
import type { WebhookReceiver } from '../core/ports/webhook-receiver.ts';
import type { Customers } from './customers.ts';

export interface WebhooksOptions {
  readonly customers: Customers;
  readonly index: StudyIndex;
  readonly reports: ReportRecords;
  readonly retrievals: Retrievals;
  readonly account: AvaraAccount;
  readonly objectUrls: ObjectUrls;
  readonly uploadUrls: UploadUrls;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onReport: () => void;
}

/** The receiver with an answer to every type of event that Avara documents. */
export function createWebhooks(options: WebhooksOptions): WebhookReceiver {
  const { customers, ...parts } = options;
  const shared = { ...parts, customers: customers.avara };
  const handlers = new Map<string, EventHandler>([
    ['ephemeral.access_requested', createEphemeralAccessHandler(shared)],
    ['secondary_capture.access_requested', createSecondaryCaptureHandler(shared)],
    ['report.delivered', createReportDeliveredHandler({ ...shared, onAccepted: options.onReport })],
    ['patient_study.enrichment_requested', createPatientStudyHandler(shared)],
    ['clinical_context.enrichment_requested', createClinicalContextHandler(shared)],
    [
      'modality_worklist.requested',
      createWorklistHandler({
        async readWorklist(customer) {
          const file = customers.configOf(customer)?.worklistFile;
          return file === undefined ? undefined : readFile(file, 'utf8');
        },
        logger: options.logger,
      }),
    ],
  ]);
  return createWebhookReceiver({ ...shared, secrets: customers.webhookSecrets, handlers });
}
