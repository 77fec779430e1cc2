/** A path of ours to go back to; anything else, such as another site's address, becomes the overview. */
export function localPath(text: string | null | undefined): string {
  const path = text ?? '/';
  if (!/^\/(?![/\\])/.test(path) || !URL.canParse(path, 'http://localhost')) return '/';
  const url = new URL(path, 'http://localhost');
  return url.origin === 'http://localhost' ? url.pathname + url.search : '/';
}
