import { z } from 'zod';
import { readAccessAnswer } from './access-answer.ts';
import { ApiError } from './errors.ts';
import { checkFile } from './file-check.ts';
import type { FileReport } from './file-check.ts';
import type { ManifestReport } from './manifest-consumer.ts';
import { consumeManifest } from './manifest-consumer.ts';
import type { ApiKey } from './model.ts';
import type { Directory } from './study-reply.ts';
import { createEvent, postWebhook, prepareWebhook } from './webhook-sender.ts';
import type { Misbehaviour } from './webhook-sender.ts';
import type { SigningScheme } from './webhook-signature.ts';
import { DEFAULT_SIGNING } from './webhook-signature.ts';

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const UPLOAD_TIMEOUT_MS = 60_000;

const text = z.string().min(1);
const priorReport = z.strictObject({
  reportText: text,
  externalStudyId: text.optional(),
  modality: text.optional(),
  studyDate: z.iso.date().optional(),
  studyDescription: text.optional(),
});
const httpsUrl = z.url({ protocol: /^https$/ });

/** What the answer to each type of event must look like, as documented; access events have a reader of their own. */
const ANSWERS: Readonly<Record<string, z.ZodType>> = {
  'secondary_capture.access_requested': z.object({
    authorized: z.boolean(),
    uploadUrls: z.array(z.url()),
    error: text.optional(),
  }),
  'modality_worklist.requested': z.object({
    authorized: z.boolean(),
    items: z.array(z.record(z.string(), z.unknown())),
    error: text.optional(),
  }),
  'patient_study.enrichment_requested': z.strictObject({
    patientName: text.optional(),
    dateOfBirth: z.iso.date().optional(),
    sex: z.enum(['male', 'female', 'other']).optional(),
    mrn: text.optional(),
    externalPatientId: text.optional(),
    height: z.strictObject({ value: z.number().positive(), unit: z.enum(['in', 'cm']) }).optional(),
    weight: z.strictObject({ value: z.number().positive(), unit: z.enum(['lbs', 'kg']) }).optional(),
    facilityName: text.optional(),
    referringPhysicianName: text.optional(),
    procedure: text.optional(),
    studyDescription: text.optional(),
    studyDate: z.iso.date().optional(),
    studyTime: text.optional(),
    severity: z.enum(['normal', 'high', 'stat']).optional(),
    expressCustomerId: text.optional(),
  }),
  'clinical_context.enrichment_requested': z.strictObject({
    clinicalIndication: text.optional(),
    technologistTechnique: text.optional(),
    technologistNotes: z.array(text).optional(),
    priorReports: z.array(priorReport).max(50).optional(),
    documents: z.array(z.strictObject({ fileName: text, content: z.array(text) })).optional(),
    documentUrls: z.array(z.strictObject({ url: httpsUrl, fileName: text.optional() })).optional(),
  }),
  'report.delivered': z.object({ success: z.literal(true) }),
};

export interface SendEventOptions {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Bearer token of the key whose endpoint and secret are used; default: the first that has an endpoint. */
  readonly apiKey?: string | undefined;
  readonly eventId?: string | undefined;
  readonly signing?: SigningScheme | undefined;
  readonly misbehaviour?: Misbehaviour | undefined;
  readonly webhookUrl?: string | undefined;
  readonly webhookTimeoutMs?: number | undefined;
}

export interface SentEvent {
  readonly eventId: string;
  /** The receiver's HTTP status; null where it did not reply. */
  readonly status: number | null;
  /** The receiver's answer, parsed; null where it is not JSON. */
  readonly answer: unknown;
  readonly problems: readonly string[];
}

/** What became of opening an ephemeral session. */
export interface EphemeralReport extends SentEvent {
  readonly authorized: boolean;
  readonly files: readonly FileReport[];
  readonly manifestReports: readonly ManifestReport[];
}

/** Sends the events that no study of the account stands behind, and checks their answers. */
export interface EventDesk {
  /** @throws ApiError 409 where no API key has an endpoint. */
  send(options: SendEventOptions): Promise<SentEvent>;
  /** Opens an ephemeral session as the viewer does: asks for access, fetches and checks every file. */
  openEphemeral(
    data: { readonly retrievalId: string; readonly options?: unknown },
    options?: Omit<SendEventOptions, 'type' | 'data'>,
  ): Promise<EphemeralReport>;
  /** Puts a capture as the viewer does. @returns the HTTP status. */
  uploadCapture(url: string, bytes: Uint8Array<ArrayBuffer>, origin?: string): Promise<number>;
}

export interface EventDeskOptions {
  readonly directory: Directory;
  readonly now: () => number;
}

export function createEventDesk({ directory, now }: EventDeskOptions): EventDesk {
  function keyFor(options: SendEventOptions): { apiKey: ApiKey; url: string } {
    const candidates = directory.apiKeys.filter(
      ({ key }) => options.apiKey === undefined || key === options.apiKey,
    );
    const isReport = options.type === 'report.delivered';
    for (const apiKey of candidates) {
      const url = options.webhookUrl ?? (isReport ? apiKey.reportWebhookUrl : apiKey.webhookUrl);
      if (url !== undefined) return { apiKey, url };
    }
    throw new ApiError(409, 'No API key has a webhook endpoint for this event');
  }

  async function exchange(options: SendEventOptions) {
    const { apiKey, url } = keyFor(options);
    const event = createEvent(options.type, options.data, options.eventId);
    const request = prepareWebhook({
      url,
      event,
      secret: apiKey.webhookSecret,
      signing: options.signing ?? DEFAULT_SIGNING,
      nowMs: now(),
      misbehaviour: options.misbehaviour,
    });
    try {
      const limits = {
        timeoutMs: options.webhookTimeoutMs ?? 10_000,
        maxReplyBytes: MAX_ANSWER_BYTES,
      };
      return { eventId: event.id, reply: await postWebhook(request, limits) };
    } catch (error) {
      return { eventId: event.id, failure: error instanceof Error ? error.message : String(error) };
    }
  }

  async function send(options: SendEventOptions): Promise<SentEvent> {
    const { eventId, reply, failure } = await exchange(options);
    if (reply === undefined)
      return { eventId, status: null, answer: null, problems: [`webhook: no answer: ${failure}`] };
    const { status } = reply;
    const answer = parseJson(reply.text);
    const schema = ANSWERS[options.type];
    const problems: string[] = [];
    if (status !== 200) problems.push(`answer: status ${status}`);
    else if (schema !== undefined) {
      const parsed = schema.safeParse(answer);
      if (!parsed.success)
        problems.push(
          ...parsed.error.issues.map((issue) => `answer: ${issue.path.join('.')}: ${issue.message}`),
        );
    }
    return { eventId, status, answer, problems };
  }

  async function openEphemeral(
    data: { readonly retrievalId: string; readonly options?: unknown },
    options: Omit<SendEventOptions, 'type' | 'data'> = {},
  ): Promise<EphemeralReport> {
    const { eventId, reply, failure } = await exchange({
      ...options,
      type: 'ephemeral.access_requested',
      data,
    });
    const nothing = { authorized: false, files: [], manifestReports: [] };
    if (reply === undefined) {
      const problems = [`webhook: no answer: ${failure}`];
      return { eventId, status: null, answer: null, problems, ...nothing };
    }
    const body = parseJson(reply.text);
    const { manifests, ...rest } = (body ?? {}) as { manifests?: unknown } & Record<string, unknown>;
    const answer = readAccessAnswer({ ...reply, text: JSON.stringify(rest) });
    const problems = [...answer.problems];
    if (manifests !== undefined && !Array.isArray(manifests))
      problems.push('answer: manifests: not an array');
    const manifestReports = (Array.isArray(manifests) ? manifests : []).map((manifest: unknown) => {
      const uid = (manifest as { studyInstanceUID?: unknown } | null)?.studyInstanceUID;
      return consumeManifest(manifest, typeof uid === 'string' ? uid : '');
    });
    const files: FileReport[] = [];
    for (const url of answer.urls)
      files.push(await checkFile(url, { studyInstanceUid: undefined, timeoutMs: 60_000, origin: undefined }));
    problems.push(...files.flatMap((file) => file.problems.map((problem) => `${file.url}: ${problem}`)));
    const served = new Set(files.map(({ sopInstanceUid }) => sopInstanceUid));
    for (const { dropped, series } of manifestReports) {
      for (const { subject, reason } of dropped) problems.push(`manifest: dropped ${subject}: ${reason}`);
      for (const sop of series.flatMap(({ sopInstanceUids }) => sopInstanceUids))
        if (!served.has(sop)) problems.push(`manifest: ${sop} is not among the files`);
    }
    const { authorized } = answer;
    return { eventId, status: reply.status, answer: body, problems, authorized, files, manifestReports };
  }

  return {
    send,
    openEphemeral,
    async uploadCapture(url, bytes, origin) {
      const response = await fetch(url, {
        method: 'PUT',
        body: bytes,
        headers: { 'content-type': 'application/dicom', ...(origin === undefined ? {} : { origin }) },
        signal: AbortSignal.timeout(UPLOAD_TIMEOUT_MS),
      });
      await response.body?.cancel();
      return response.status;
    },
  };
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch {
    return null;
  }
}
