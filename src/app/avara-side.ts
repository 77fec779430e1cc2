import { createAvaraAccount } from '../avara/account/account.ts';
import { createCustomerWatch } from '../avara/account/customer-watch.ts';
import type { CustomerWatch } from '../avara/account/customer-watch.ts';
import type { AvaraStudyGateway } from '../avara/study-gateway.ts';
import type { Config } from '../config/config.ts';
import type { KeyRing } from '../core/access/object-token.ts';
import { createUploadUrls } from '../core/access/upload-urls.ts';
import { createCaptureIntake } from '../core/ingest/take-capture.ts';
import type { AuditTrail } from '../core/ports/audit-trail.ts';
import type { CaptureIntake } from '../core/ports/capture-intake.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Intake } from '../core/ports/intake.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { ObjectUrls } from '../core/ports/object-urls.ts';
import type { ReportRecords } from '../core/ports/report-records.ts';
import type { Retrievals } from '../core/ports/retrievals.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { StudyOpener } from '../core/ports/study-opener.ts';
import type { WebhookReceiver } from '../core/ports/webhook-receiver.ts';
import type { StudyKey } from '../core/study/instance.ts';
import type { AwaitedCommitments } from '../dimse/awaited-commitments.ts';
import type { Customers } from './customers.ts';
import { notingHandOuts } from './hand-outs.ts';
import { createReports } from './reports.ts';
import { createStudyOpener } from './study-opener.ts';
import { createWebhooks } from './webhooks.ts';

export interface AvaraSideOptions {
  readonly config: Config;
  readonly customers: Customers;
  readonly gateway: AvaraStudyGateway;
  readonly index: StudyIndex;
  readonly reports: ReportRecords;
  readonly retrievals: Retrievals;
  readonly intake: Intake;
  readonly objectUrls: ObjectUrls;
  /** To be told of each study that URLs are handed out for. */
  readonly noteHandOut: (key: StudyKey) => void;
  /** Where the public listener is reached from outside. */
  readonly publicUrl: () => string;
  /** Where PACS report that they commit to the reports that they were sent. */
  readonly awaited: AwaitedCommitments;
  readonly keys: KeyRing;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What goes on between Avara and the daemon besides the deliveries of studies. */
export interface AvaraSide {
  readonly webhooks: WebhookReceiver;
  readonly captures: CaptureIntake;
  readonly opener: StudyOpener;
  readonly watch: CustomerWatch;
  start(): void;
  /** The configuration has changed. */
  reload(): void;
  /** Puts reports that wait or need attention back to now. @returns how many. */
  retryReports(): Promise<number>;
  stop(deadlineMs: number): Promise<void>;
}

const MINUTE_MS = 60_000;

export function createAvaraSide(options: AvaraSideOptions): AvaraSide {
  const { config, customers, gateway, index, reports, intake, awaited, keys, clock, logger } = options;
  const clientOf = gateway.clientFor.bind(gateway);
  const account = createAvaraAccount({ customers: customers.avara, clientOf });
  const reportLoop = createReports({
    dataDir: config.dataDir,
    records: reports,
    index,
    account,
    customers,
    awaited,
    clock,
    logger,
  });
  const uploadUrls = notingHandOuts(
    createUploadUrls({
      publicUrl: options.publicUrl,
      keys,
      clock,
      lifetimeSeconds: config.access.urlLifetimeSeconds,
    }),
    options.noteHandOut,
  );
  const watch = createCustomerWatch({
    customers: customers.avara,
    clientOf,
    intervalMs: config.avara.customerCheckMinutes * MINUTE_MS,
    clock,
    logger,
  });

  return {
    webhooks: createWebhooks({ ...options, account, uploadUrls, onReport: () => reportLoop.wake() }),
    captures: createCaptureIntake({ intake }),
    opener: createStudyOpener({ index, account, customers }),
    watch,
    start() {
      reportLoop.start();
      watch.start();
    },
    reload() {
      void watch.checkNow();
      reportLoop.wake();
    },
    async retryReports() {
      const retried = await reports.retryAll(clock.now());
      reportLoop.wake();
      return retried;
    },
    async stop(deadlineMs) {
      watch.stop();
      await reportLoop.stop(deadlineMs);
    },
  };
}
