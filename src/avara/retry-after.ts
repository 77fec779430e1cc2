/** Longest wait a server may ask of us, milliseconds; a longer one would look like a hang to the operator. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Reads how long a response asks to wait.
 * @param headers response headers; `retry-after-ms` (milliseconds) goes before `Retry-After` (seconds or an HTTP date,
 * RFC 9110 10.2.3), as Avara's own SDK does it.
 * @param now wall clock, milliseconds since 1970, for HTTP dates.
 * @returns milliseconds from 0 to {@link MAX_RETRY_AFTER_MS}, or undefined where nothing readable was asked for.
 */
export function parseRetryAfter(headers: Headers, now: number): number | undefined {
  const milliseconds = parseDecimal(headers.get('retry-after-ms'));
  if (milliseconds !== undefined && milliseconds > 0) return bound(milliseconds);
  const text = headers.get('retry-after');
  if (text === null) return undefined;
  const seconds = parseDecimal(text);
  if (seconds !== undefined) return bound(seconds * 1000);
  // Date.parse also reads bare numbers such as "-5" as years, so only what starts like an HTTP date gets there.
  if (!/^[A-Za-z]{3}/.test(text.trim())) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : bound(at - now);
}

function parseDecimal(text: string | null): number | undefined {
  return text !== null && /^\s*\d+(?:\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}

function bound(milliseconds: number): number {
  return Math.min(Math.max(Math.ceil(milliseconds), 0), MAX_RETRY_AFTER_MS);
}
