/** Which files of a folder are meant. Patterns: `*`, `?`, `**`; one without `/` is held against the last component. */
export interface NameRules {
  /** Only these; empty: all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** What is no file of anybody's: begins the name of a file while it is being removed or moved. */
export const ASIDE_PREFIX = '.avara-ingest-';

/** Names that writers give to files that are not finished. */
const UNFINISHED = /\.(?:part|partial|tmp|temp|crdownload|download|filepart|swp|swx|lock|!ut)$|^~\$|~$/i;
/** What operating systems leave in folders. */
const LITTER =
  /^(?:thumbs\.db|ehthumbs\.db|desktop\.ini|\.ds_store|__macosx|\$recycle\.bin|system volume information|lost\+found|@eadir)$/i;

/** Whether a component of a path is left alone whatever the rules: hidden, unfinished, or litter. */
export function isLeftAlone(name: string): boolean {
  if (name.startsWith(ASIDE_PREFIX)) return false;
  return name.startsWith('.') || UNFINISHED.test(name) || LITTER.test(name);
}

/** Whether a name is that of a file which operating systems leave behind and nobody misses. */
export function isLitter(name: string): boolean {
  return LITTER.test(name) || name.startsWith('._');
}

/**
 * Compiles rules.
 * @returns a function that tells whether a file is meant, by its path below the folder, with `/`.
 */
export function createNameFilter({ include, exclude }: NameRules): (relativePath: string) => boolean {
  const included = include.map(compilePattern);
  const excluded = exclude.map(compilePattern);
  // What a crash left under a name of ours was meant when it was taken.
  return (relativePath) =>
    lastComponent(relativePath).startsWith(ASIDE_PREFIX) ||
    ((included.length === 0 || included.some((fits) => fits(relativePath))) &&
      !excluded.some((fits) => fits(relativePath)));
}

function lastComponent(relativePath: string): string {
  return relativePath.slice(relativePath.lastIndexOf('/') + 1);
}

function compilePattern(pattern: string): (relativePath: string) => boolean {
  const hasFolder = pattern.includes('/');
  const parts = pattern.replace(/^\//, '').split(/(\*\*\/|\*\*|\*|\?)/);
  const source = parts
    .map((part) => {
      switch (part) {
        case '**/':
          return '(?:.*/)?';
        case '**':
          return '.*';
        case '*':
          return '[^/]*';
        case '?':
          return '[^/]';
        default:
          return part.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');
      }
    })
    .join('');
  const expression = new RegExp(`^${source}$`, 'i');
  return (relativePath) => expression.test(hasFolder ? relativePath : lastComponent(relativePath));
}
