/** A path of ours to go back to; anything else, such as another site's address, becomes the overview. */
export function localPath(text: string | null | undefined): string {
  const path = text ?? '/';
  if (!/^\/(?![/\\])/.test(path) || !URL.canParse(path, 'http://localhost')) return '/';
  const url = new URL(path, 'http://localhost');
  // Dot segments are gone by now, and what they leave may begin with two slashes, which is another site's address.
  const isLocal = url.origin === 'http://localhost' && !url.pathname.startsWith('//');
  return isLocal ? url.pathname + url.search : '/';
}
