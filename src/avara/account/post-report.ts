import type { StepResult } from '../../core/reports/report-loop.ts';

export interface PostReportOptions {
  readonly url: string;
  readonly token: string | undefined;
  /** The same for each attempt at the same version, so that the receiver can tell a repetition. */
  readonly idempotencyKey: string;
  readonly description: object;
  readonly pdf: Buffer;
  readonly fileName: string;
}

const TIMEOUT_MS = 60_000;

/** Posts a report to a URL of the site: `multipart/form-data` with `report` (JSON) and `pdf`. */
export async function postReport(options: PostReportOptions): Promise<StepResult<string>> {
  const { url, token, idempotencyKey, description, pdf, fileName } = options;
  const form = new FormData();
  form.set('report', new Blob([JSON.stringify(description)], { type: 'application/json' }), 'report.json');
  form.set('pdf', new Blob([new Uint8Array(pdf)], { type: 'application/pdf' }), fileName);
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: form,
      headers: {
        'idempotency-key': idempotencyKey,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      // Followed, a redirect could carry patient data to a host that nobody configured.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    if (response.ok) return { kind: 'done', value: `HTTP ${response.status}` };
    const error = `The URL for reports answered ${response.status}.`;
    const isTransient =
      response.status >= 500 || [401, 403, 404, 408, 409, 425, 429].includes(response.status);
    return { kind: isTransient ? 'transient' : 'permanent', error };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason =
      cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.name) : 'network error';
    return { kind: 'transient', error: `The URL for reports cannot be reached: ${reason}` };
  }
}
