import type { DownloadedReport, ReportSource, StepResult } from '../../core/reports/report-loop.ts';
import type { ReportJob } from '../../core/ports/report-records.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { StudyKey } from '../../core/study/instance.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { ApiFailure } from '../client.ts';
import type { AvaraCustomers } from '../customers.ts';
import type { AvaraAccount } from './account.ts';

const DOWNLOAD_TIMEOUT_MS = 120_000;
/** A report is a few pages; more is not read. */
export const MAX_REPORT_BYTES = 64 * 1024 * 1024;

export interface ReportSourceOptions {
  readonly account: AvaraAccount;
  readonly customers: AvaraCustomers;
  readonly index: Pick<StudyIndex, 'findStudyByAvaraId' | 'findStudy'>;
}

/** Where a report's study is, and its PDF: from the URL of the event, or a fresh one where that has expired. */
export function createReportSource({ account, customers, index }: ReportSourceOptions): ReportSource {
  async function findStudy(job: ReportJob): Promise<StepResult<StudyKey>> {
    const known = index.findStudyByAvaraId(job.avaraStudyId)?.study.key;
    if (known !== undefined && job.signers.includes(known.customer)) return { kind: 'done', value: known };
    const said = await account.retrieve(new Set(job.signers), job.avaraStudyId);
    if (said.kind === 'unreachable') return { kind: 'transient', error: said.message };
    if (said.kind === 'found') {
      const studyInstanceUid = parseUid(said.studyInstanceUid);
      const own = job.signers.filter(
        (name) => customers.get(name)?.expressCustomerId === said.expressCustomerId,
      );
      for (const customer of own) {
        const key = studyInstanceUid && { customer, studyInstanceUid };
        if (key !== undefined && index.findStudy(key) !== undefined) return { kind: 'done', value: key };
      }
    }
    return { kind: 'permanent', error: `The report is of ${job.avaraStudyId}, a study that is not here.` };
  }

  async function download(job: ReportJob, study: StudyKey): Promise<StepResult<DownloadedReport>> {
    const first = await fetchPdf(job.presignedUrl);
    if (first !== 'expired') return downloaded(first, false);
    const fresh = await account.reportUrl(study.customer, job.reportId);
    if (!fresh.ok) return failedStep(fresh);
    const second = await fetchPdf(fresh.url);
    if (second === 'expired') return { kind: 'transient', error: 'A fresh URL of the PDF is refused.' };
    return downloaded(second, true);
  }

  return { findStudy, download };
}

function downloaded(fetched: StepResult<Buffer>, isLatest: boolean): StepResult<DownloadedReport> {
  return fetched.kind === 'done' ? { kind: 'done', value: { pdf: fetched.value, isLatest } } : fetched;
}

function failedStep(failure: ApiFailure): StepResult<never> {
  const { message: error } = failure;
  if (failure.kind === 'permanent') return { kind: 'permanent', error };
  const retryAfterMs = failure.kind === 'transient' ? failure.retryAfterMs : undefined;
  return { kind: 'transient', error, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** The API key never goes along: the URL alone is the right to the file. */
async function fetchPdf(url: string): Promise<StepResult<Buffer> | 'expired'> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
    if ([400, 401, 403, 404, 410].includes(response.status)) {
      await response.body?.cancel();
      return 'expired';
    }
    if (!response.ok) {
      await response.body?.cancel();
      return { kind: 'transient', error: `The PDF's server answered ${response.status}.` };
    }
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > MAX_REPORT_BYTES)
        return { kind: 'permanent', error: `The PDF is larger than ${MAX_REPORT_BYTES} bytes.` };
      chunks.push(chunk);
    }
    const pdf = Buffer.concat(chunks);
    // Readers look for the mark within the first 1024 bytes (ISO 32000-1, Annex H, note 13).
    if (!pdf.subarray(0, 1024).includes('%PDF-')) return { kind: 'transient', error: 'What came is no PDF.' };
    return { kind: 'done', value: pdf };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const what =
      cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : 'network error';
    // The message of a fetch may hold the URL, which is the right to the file.
    return {
      kind: 'transient',
      error: `The PDF could not be fetched: ${what.replace(/https?:\S+/g, '[url]')}`,
    };
  }
}
