import { HttpProblem } from './errors.ts';

export interface ReadBodyOptions {
  readonly maxBytes: number;
  /** How long the whole body may take. */
  readonly timeoutMs: number;
}

/**
 * Reads a request's body as bytes.
 * @throws HttpProblem 413 as soon as it is known to be too large, 408 when it takes too long, 400 when it breaks off.
 */
export async function readBody(request: Request, { maxBytes, timeoutMs }: ReadBodyOptions): Promise<Buffer> {
  const tooLarge = (): HttpProblem =>
    new HttpProblem(413, {
      code: 'body-too-large',
      detail: `The body may have at most ${maxBytes} bytes.`,
      headers: { Connection: 'close' },
    });
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  if (request.body === null) return Buffer.alloc(0);

  const reader = request.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort();
    reader.cancel().catch(() => undefined);
  }, timeoutMs);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (deadline.signal.aborted) break;
      if (done) return Buffer.concat(chunks, bytes);
      bytes += value.length;
      if (bytes > maxBytes) {
        reader.cancel().catch(() => undefined);
        throw tooLarge();
      }
      chunks.push(value);
    }
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    if (!deadline.signal.aborted)
      throw new HttpProblem(400, { code: 'body-broken', detail: 'The body broke off.', cause: error });
  } finally {
    clearTimeout(timer);
  }
  throw new HttpProblem(408, {
    code: 'body-timeout',
    detail: `The body took longer than ${timeoutMs / 1000} seconds.`,
    headers: { Connection: 'close' },
  });
}
