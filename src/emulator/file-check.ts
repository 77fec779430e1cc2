import { createHash } from 'node:crypto';
import type { FileMetaReading } from '../dicom/part10/file-meta.ts';
import { readFileMeta } from '../dicom/part10/file-meta.ts';
import { assumedTransferSyntax } from '../dicom/transfer-syntax.ts';
import { findStudyInstanceUid } from './study-uid-scan.ts';

/** Bytes of a file kept to read its header from; all further bytes are only hashed. */
const MAX_HEAD_LENGTH = 1024 * 1024;

/** What the viewer found at one URL. */
export interface FileReport {
  readonly url: string;
  /** HTTP status; null where there was no reply. */
  readonly status: number | null;
  /** Bytes of the body. */
  readonly bytes: number;
  /** Of the whole file, lower-case hex; null where it did not arrive in full. */
  readonly sha256: string | null;
  /** Of what follows the File Meta Information, as it stands in the file. */
  readonly dataSetSha256: string | null;
  readonly sopInstanceUid: string | null;
  readonly problems: readonly string[];
}

export interface CheckFileOptions {
  /** The study the file must belong to; undefined where it may be of any. */
  readonly studyInstanceUid: string | undefined;
  readonly timeoutMs: number;
  /** Origin of the page that the viewer runs in; the reply must let it read. */
  readonly origin?: string | undefined;
}

interface FileContent {
  readonly bytes: number;
  readonly sha256: string;
  readonly dataSetSha256: string | null;
  readonly head: Buffer;
  readonly meta: FileMetaReading;
}

/** Reads a body to its end: hashes all of it, keeps the head. */
async function readContent(body: AsyncIterable<Uint8Array> | null): Promise<FileContent> {
  const whole = createHash('sha256');
  const dataSet = createHash('sha256');
  let head = Buffer.alloc(0);
  let meta: FileMetaReading = { kind: 'needs-more' };
  let bytes = 0;
  for await (const chunk of body ?? []) {
    whole.update(chunk);
    const kept = chunk.subarray(0, Math.max(0, MAX_HEAD_LENGTH - head.length));
    if (kept.length > 0) head = Buffer.concat([head, kept]);
    if (meta.kind === 'complete') {
      dataSet.update(chunk);
    } else if (meta.kind === 'needs-more') {
      meta = readFileMeta(head);
      if (meta.kind === 'complete') {
        dataSet.update(head.subarray(meta.dataSetOffset)).update(chunk.subarray(kept.length));
      }
    }
    bytes += chunk.length;
  }
  return {
    bytes,
    sha256: whole.digest('hex'),
    dataSetSha256: meta.kind === 'complete' ? dataSet.digest('hex') : null,
    head,
    meta,
  };
}

function findHeaderProblems(headers: Headers, bytes: number, origin: string | undefined): string[] {
  const problems: string[] = [];
  const contentType = headers.get('content-type');
  if (contentType?.split(';')[0]?.trim().toLowerCase() !== 'application/dicom') {
    problems.push(`content-type is ${contentType ?? 'missing'}, not application/dicom`);
  }
  const contentLength = headers.get('content-length');
  if (contentLength === null) problems.push('content-length is missing');
  else if (Number(contentLength) !== bytes) {
    problems.push(`content-length says ${contentLength}, the body has ${bytes} bytes`);
  }
  const allowed = headers.get('access-control-allow-origin');
  if (origin !== undefined && allowed !== '*' && allowed !== origin) {
    problems.push(`access-control-allow-origin does not let ${origin} read the file`);
  }
  return problems;
}

function findContentProblems({ meta, head }: FileContent, studyInstanceUid: string | undefined): string[] {
  if (meta.kind === 'not-part-10') return [`not a Part 10 file: ${meta.reason}`];
  if (meta.kind === 'needs-more') return ['not a Part 10 file: it ends within the File Meta Information'];
  const problems: string[] = [];
  if (meta.sopInstanceUid === undefined) problems.push('(0002,0003) is missing');
  if (meta.transferSyntaxUid === undefined) return [...problems, '(0002,0010) is missing'];
  const syntax = assumedTransferSyntax(meta.transferSyntaxUid);
  const found = findStudyInstanceUid(head.subarray(meta.dataSetOffset), syntax);
  if (studyInstanceUid !== undefined && found !== studyInstanceUid)
    problems.push(`StudyInstanceUID is ${found ?? 'missing'}`);
  return problems;
}

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** Fetches one file as the viewer does and checks it. Never throws for what the server does. */
export async function checkFile(url: string, options: CheckFileOptions): Promise<FileReport> {
  const nothing = { url, status: null, bytes: 0, sha256: null, dataSetSha256: null, sopInstanceUid: null };
  let status: number | null = null;
  try {
    const response = await fetch(url, {
      headers: {
        'accept-encoding': 'identity',
        ...(options.origin === undefined ? {} : { origin: options.origin }),
      },
      signal: AbortSignal.timeout(options.timeoutMs),
    });
    status = response.status;
    if (status !== 200) {
      await response.body?.cancel();
      return { ...nothing, status, problems: [`status ${status}`] };
    }
    const content = await readContent(response.body);
    return {
      url,
      status,
      bytes: content.bytes,
      sha256: content.sha256,
      dataSetSha256: content.dataSetSha256,
      sopInstanceUid: content.meta.kind === 'complete' ? (content.meta.sopInstanceUid ?? null) : null,
      problems: [
        ...findHeaderProblems(response.headers, content.bytes, options.origin),
        ...findContentProblems(content, options.studyInstanceUid),
      ],
    };
  } catch (error) {
    return { ...nothing, status, problems: [`could not be fetched: ${describeFailure(error)}`] };
  }
}
