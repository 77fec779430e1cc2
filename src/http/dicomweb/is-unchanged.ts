/**
 * Tells whether a client has what it asks for (RFC 9110 13.1.2, weak comparison).
 * @param noneMatch of If-None-Match; undefined where there is none.
 */
export function isUnchanged(noneMatch: string | undefined, etag: string): boolean {
  if (noneMatch === undefined) return false;
  const opaque = etag.replace(/^W\//, '');
  return noneMatch.split(',').some((tag) => ['*', opaque].includes(tag.trim().replace(/^W\//, '')));
}
