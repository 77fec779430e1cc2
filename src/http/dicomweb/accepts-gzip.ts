/**
 * Tells whether a client takes gzip (RFC 9110 12.5.3).
 * @param header of Accept-Encoding; undefined where there is none, which is taken for a client that cannot.
 */
export function acceptsGzip(header: string | undefined): boolean {
  let ofAnything = false;
  for (const element of (header ?? '').toLowerCase().split(',')) {
    const [name = '', ...parameters] = element.split(';').map((part) => part.trim());
    const isRefused = parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    if (name === 'gzip' || name === 'x-gzip') return !isRefused;
    if (name === '*') ofAnything = !isRefused;
  }
  return ofAnything;
}
