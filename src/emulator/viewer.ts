import { readAccessAnswer } from './access-answer.ts';
import { ApiError } from './errors.ts';
import type { FileReport } from './file-check.ts';
import { checkFile } from './file-check.ts';
import type { ManifestReport } from './manifest-consumer.ts';
import { consumeManifest } from './manifest-consumer.ts';
import type { Study } from './model.ts';
import type { Directory } from './study-reply.ts';
import type { Misbehaviour, WebhookReply, WebhookRequest } from './webhook-sender.ts';
import { createEvent, postWebhook, prepareWebhook } from './webhook-sender.ts';
import type { SigningScheme } from './webhook-signature.ts';
import { DEFAULT_SIGNING } from './webhook-signature.ts';

const MAX_REMEMBERED_REQUESTS = 100;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** How a study is opened. */
export interface OpenStudyOptions {
  /** Default: the documented headers with the whole secret as key. */
  readonly signing?: SigningScheme | undefined;
  /** Sends the event in a way that the receiver must refuse. */
  readonly misbehaviour?: Misbehaviour | undefined;
  /** Sends the last request for this study once more, byte for byte. */
  readonly replay?: boolean | undefined;
  /** Event id; default: a new one. */
  readonly eventId?: string | undefined;
  /** UID to ask for in place of the study's own. */
  readonly studyInstanceUid?: string | undefined;
  /** Receiver in place of the API key's. */
  readonly webhookUrl?: string | undefined;
  /** Default 10 s. */
  readonly webhookTimeoutMs?: number | undefined;
  /** Whether to fetch what the answer lists; default true. */
  readonly fetchFiles?: boolean | undefined;
  /** Files fetched at a time; default 6, as a browser does per host. */
  readonly concurrency?: number | undefined;
  /** Per file; default 60 s. */
  readonly fileTimeoutMs?: number | undefined;
}

/** What became of opening a study. */
export interface OpenStudyReport {
  readonly eventId: string;
  readonly studyId: string;
  readonly studyInstanceUid: string;
  /** The receiver's HTTP status; null where it did not reply. */
  readonly status: number | null;
  readonly authorized: boolean;
  /** The receiver's reason for a refusal. */
  readonly error: string | null;
  /** In the order of the answer. */
  readonly files: readonly FileReport[];
  /** Everything wrong with the answer and the files; empty where the study can be read. */
  readonly problems: readonly string[];
  /** null where there was no manifest. */
  readonly manifestReport: ManifestReport | null;
}

/** Avara's viewer, as far as the integrator sees it. */
export interface EmulatedViewer {
  /**
   * Opens a study: asks the receiver for access, fetches and checks every file.
   * @throws ApiError 404 for an unknown study, 409 where it has no webhook or nothing to replay.
   */
  openStudy(studyId: string, options?: OpenStudyOptions): Promise<OpenStudyReport>;
  /** Forgets the requests kept for replay. */
  reset(): void;
}

export interface ViewerOptions {
  readonly directory: Directory;
  readonly now: () => number;
  /** Origin of the page that the viewer runs in; where given, files must be readable from it (CORS). */
  readonly origin?: string | undefined;
}

/** Applies `work` to each item, at most `limit` at a time, and keeps the order. */
async function mapBounded<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Map<number, R>();
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results.set(index, await work(item));
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, worker));
  return items.flatMap((_, index) => results.get(index) ?? []);
}

function findMismatches(files: readonly FileReport[], manifest: ManifestReport | null): string[] {
  const problems: string[] = [];
  const uids = files.flatMap((file) => file.sopInstanceUid ?? []);
  const served = new Set(uids);
  if (served.size < uids.length) problems.push('files: the same SOP Instance was served more than once');
  for (const { reason, subject } of manifest?.dropped ?? []) {
    problems.push(`manifest: dropped ${subject}: ${reason}`);
  }
  for (const sop of manifest?.series.flatMap((series) => series.sopInstanceUids) ?? []) {
    if (!served.has(sop)) problems.push(`manifest: ${sop} is not among the files`);
  }
  return problems;
}

/** Creates the viewer of an account. */
export function createViewer(options: ViewerOptions): EmulatedViewer {
  const { directory, now, origin } = options;
  const sentByStudy = new Map<string, { request: WebhookRequest; eventId: string }>();

  function prepare(study: Study, open: OpenStudyOptions): { request: WebhookRequest; eventId: string } {
    if (open.replay === true) {
      const sent = sentByStudy.get(study.studyId);
      if (sent === undefined)
        throw new ApiError(409, 'This study has not been opened yet: nothing to replay');
      return sent;
    }
    const apiKey = directory.apiKeys.find((key) => key.apiKeyId === study.createdByApiKeyId);
    const url = open.webhookUrl ?? apiKey?.webhookUrl;
    if (apiKey === undefined || url === undefined) {
      throw new ApiError(409, 'The API key that made this study has no study data webhook endpoint');
    }
    const studyInstanceUid = open.studyInstanceUid ?? study.studyInstanceUid;
    const event = createEvent(
      'study.access_requested',
      { studyId: study.studyId, studyInstanceUid },
      open.eventId,
    );
    const request = prepareWebhook({
      url,
      event,
      secret: apiKey.webhookSecret,
      signing: open.signing ?? DEFAULT_SIGNING,
      nowMs: now(),
      misbehaviour: open.misbehaviour,
    });
    const sent = { request, eventId: event.id };
    sentByStudy.delete(study.studyId);
    sentByStudy.set(study.studyId, sent);
    const [oldest] = sentByStudy.keys();
    if (sentByStudy.size > MAX_REMEMBERED_REQUESTS && oldest !== undefined) sentByStudy.delete(oldest);
    return sent;
  }

  return {
    async openStudy(studyId, open = {}) {
      const study = directory.state.findStudy(studyId);
      if (study === undefined) throw new ApiError(404, 'Study not found');
      const { request, eventId } = prepare(study, open);
      const { studyInstanceUid } = study;
      let reply: WebhookReply;
      try {
        reply = await postWebhook(request, {
          timeoutMs: open.webhookTimeoutMs ?? 10_000,
          maxReplyBytes: MAX_ANSWER_BYTES,
        });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return {
          ...{ eventId, studyId, studyInstanceUid, status: null, authorized: false, error: null },
          ...{ files: [], problems: [`webhook: no answer: ${reason}`], manifestReport: null },
        };
      }
      const answer = readAccessAnswer(reply);
      const manifestReport =
        answer.manifest === undefined ? null : consumeManifest(answer.manifest, studyInstanceUid);
      const fetches = open.fetchFiles ?? true;
      const files = await mapBounded(fetches ? answer.urls : [], open.concurrency ?? 6, (url) =>
        checkFile(url, { studyInstanceUid, timeoutMs: open.fileTimeoutMs ?? 60_000, origin }),
      );
      return {
        eventId,
        studyId,
        studyInstanceUid,
        status: reply.status,
        authorized: answer.authorized,
        error: answer.error,
        files,
        problems: [
          ...answer.problems,
          ...files.flatMap((file) => file.problems.map((problem) => `${file.url}: ${problem}`)),
          ...(fetches ? findMismatches(files, manifestReport) : []),
        ],
        manifestReport,
      };
    },
    reset() {
      sentByStudy.clear();
    },
  };
}
