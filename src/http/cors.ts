/** A day; browsers cap it themselves (Chromium at two hours). */
const PREFLIGHT_MAX_AGE_SECONDS = 86_400;
const EXPOSED_HEADERS = 'Content-Length, Content-Range, ETag, Accept-Ranges, Last-Modified';

export interface CorsPolicy {
  /** Headers of an answer to a request from this origin. */
  headersFor(origin: string | undefined): Record<string, string>;
  /** Headers of the answer to a preflight request. */
  preflightHeaders(origin: string | undefined, requested: PreflightRequest): Record<string, string>;
}

export interface PreflightRequest {
  /** Access-Control-Request-Headers. */
  readonly headers: string | undefined;
  /** Access-Control-Request-Private-Network: a public page asks for an object on the local network. */
  readonly privateNetwork: string | undefined;
}

/**
 * Lets web pages of other origins read answers (Fetch, "CORS protocol"). Credentials are never allowed: access is by
 * the token alone.
 * @param origins for example `https://viewer.example.org`; `*` stands for all.
 * @param exposed headers of answers that pages may read besides those of a file.
 */
export function createCorsPolicy(
  origins: readonly string[],
  methods: string,
  exposed: readonly string[] = [],
): CorsPolicy {
  const isOpen = origins.includes('*');
  const common = {
    'Access-Control-Expose-Headers': [EXPOSED_HEADERS, ...exposed].join(', '),
    // Pages that are cross-origin isolated (for SharedArrayBuffer) may embed only what says so.
    'Cross-Origin-Resource-Policy': 'cross-origin',
  };
  const headersFor = (origin: string | undefined): Record<string, string> => {
    if (isOpen) return { 'Access-Control-Allow-Origin': '*', ...common };
    if (origin === undefined || !origins.includes(origin)) return { Vary: 'Origin' };
    return { 'Access-Control-Allow-Origin': origin, Vary: 'Origin', ...common };
  };
  return {
    headersFor,
    preflightHeaders(origin, { headers, privateNetwork }) {
      const allowed = headersFor(origin);
      if (allowed['Access-Control-Allow-Origin'] === undefined) return allowed;
      return {
        ...allowed,
        'Access-Control-Allow-Methods': methods,
        'Access-Control-Max-Age': String(PREFLIGHT_MAX_AGE_SECONDS),
        ...(headers !== undefined && isHeaderList(headers) && { 'Access-Control-Allow-Headers': headers }),
        ...(privateNetwork === 'true' && { 'Access-Control-Allow-Private-Network': 'true' }),
      };
    },
  };
}

function isHeaderList(text: string): boolean {
  return text.length <= 1024 && /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*$/.test(text);
}
