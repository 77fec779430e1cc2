import { z } from 'zod';
import { ApiError } from './errors.ts';
import { createId, timestamp } from './ids.ts';
import { NOTICE } from './html-pages.ts';
import { buildPdf } from './pdf.ts';
import type { Directory } from './study-reply.ts';
import type { Misbehaviour } from './webhook-sender.ts';
import { createEvent, postWebhook, prepareWebhook } from './webhook-sender.ts';
import type { SigningScheme } from './webhook-signature.ts';
import { DEFAULT_SIGNING } from './webhook-signature.ts';

const PDF_LINK_LIFETIME_MS = 3_600_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

const answerSchema = z.strictObject({ success: z.literal(true) });

/** How a report is finished and delivered. */
export interface DeliverReportOptions {
  readonly isCritical?: boolean | undefined;
  readonly plainText?: string | undefined;
  /** Default: the documented headers with the whole secret as key. */
  readonly signing?: SigningScheme | undefined;
  readonly misbehaviour?: Misbehaviour | undefined;
  /** A report delivered before: sends its event again, with the id given in `eventId` or a new one. */
  readonly reportId?: string | undefined;
  readonly eventId?: string | undefined;
  /** How long the event's URL of the PDF is good; default an hour. */
  readonly linkLifetimeMs?: number | undefined;
  /** Another content of the PDF than before: a correction or addendum. */
  readonly revision?: string | undefined;
  /** Receiver in place of the API key's. */
  readonly webhookUrl?: string | undefined;
  /** Default 10 s. */
  readonly webhookTimeoutMs?: number | undefined;
}

/** What became of a delivery. */
export interface DeliverReportReport {
  readonly eventId: string;
  readonly reportId: string;
  readonly studyId: string;
  /** Where the PDF can be had for an hour. */
  readonly presignedUrl: string;
  /** The receiver's HTTP status; null where it did not reply. */
  readonly status: number | null;
  readonly problems: readonly string[];
}

/** Where AutoScribe's reports come from. */
export interface ReportDesk {
  /**
   * Completes a report of an AutoScribe study and sends `report.delivered`.
   * @throws ApiError 404 for an unknown study or report, 409 where the API key has no endpoint for it.
   */
  deliver(studyId: string, options?: DeliverReportOptions): Promise<DeliverReportReport>;
  /** A fresh URL of a report's PDF. */
  linkTo(reportId: string): string;
  /** The text it was delivered with. */
  textOf(reportId: string): string;
  /** The PDF behind a presigned URL. @throws ApiError 404 where it is unknown or has expired. */
  openPdf(token: string): Buffer;
}

export interface ReportDeskOptions {
  readonly directory: Directory;
  readonly now: () => number;
  /** The emulator's own base URL. @throws EmulatorError while it does not listen. */
  readonly baseUrl: () => string;
}

function findAnswerProblems(reply: { status: number; text: string }): string[] {
  if (reply.status !== 200) return [`answer: status ${reply.status}`];
  try {
    return answerSchema.safeParse(JSON.parse(reply.text)).success ? [] : ['answer: not {"success":true}'];
  } catch {
    return ['answer: not JSON'];
  }
}

/** Creates the report desk of an account. */
export function createReportDesk({ directory, now, baseUrl }: ReportDeskOptions): ReportDesk {
  const { state } = directory;
  const revisions = new Map<string, string>();
  const texts = new Map<string, string>();
  const link = (reportId: string, lifetimeMs: number): string =>
    `${baseUrl()}/__emulator/reports/${state.createLink(reportId, lifetimeMs)}`;

  return {
    linkTo: (reportId) => link(reportId, PDF_LINK_LIFETIME_MS),
    textOf: (reportId) => texts.get(reportId) ?? '',
    async deliver(studyId, options = {}) {
      const study = state.findStudy(studyId);
      if (study?.product !== 'autoScribe') throw new ApiError(404, 'Study not found');
      const known = study.reportIds.find((report) => report.reportId === options.reportId);
      if (options.reportId !== undefined && known === undefined) throw new ApiError(404, 'Report not found');
      const apiKey = directory.apiKeys.find((key) => key.apiKeyId === study.createdByApiKeyId);
      const url = options.webhookUrl ?? apiKey?.reportWebhookUrl;
      if (apiKey === undefined || url === undefined) {
        throw new ApiError(409, 'The API key that made this study has no report data webhook endpoint');
      }
      const report = known ?? {
        reportId: createId('rep'),
        status: 'completed' as const,
        isCritical: options.isCritical ?? false,
      };
      if (options.revision !== undefined) revisions.set(report.reportId, options.revision);
      if (options.plainText !== undefined) texts.set(report.reportId, options.plainText);
      const presignedUrl = link(report.reportId, options.linkLifetimeMs ?? PDF_LINK_LIFETIME_MS);
      const event = createEvent(
        'report.delivered',
        {
          reportId: report.reportId,
          studyId,
          presignedUrl,
          isCritical: report.isCritical,
          ...(options.plainText === undefined ? {} : { plainText: options.plainText }),
        },
        options.eventId,
      );
      const request = prepareWebhook({
        url,
        event,
        secret: apiKey.webhookSecret,
        signing: options.signing ?? DEFAULT_SIGNING,
        nowMs: now(),
        misbehaviour: options.misbehaviour,
      });
      if (known === undefined) {
        state.putStudy({ ...study, reportIds: [...study.reportIds, report], updatedAt: timestamp(now()) });
      }
      const outcome = { eventId: event.id, reportId: report.reportId, studyId, presignedUrl };
      try {
        const reply = await postWebhook(request, {
          timeoutMs: options.webhookTimeoutMs ?? 10_000,
          maxReplyBytes: MAX_ANSWER_BYTES,
        });
        return { ...outcome, status: reply.status, problems: findAnswerProblems(reply) };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return { ...outcome, status: null, problems: [`webhook: no answer: ${reason}`] };
      }
    },

    openPdf(token) {
      const reportId = state.resolveLink(token);
      if (reportId?.startsWith('rep_') !== true)
        throw new ApiError(404, 'This link is unknown or has expired');
      const revision = revisions.get(reportId);
      return buildPdf([NOTICE, `Report ${reportId}`, ...(revision === undefined ? [] : [revision])]);
    },
  };
}
