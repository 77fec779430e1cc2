import type { Hono } from 'hono';
import type { DicomWebEnv } from './env.ts';

/** Says which methods a path below the service root takes, by the routes that are registered. */
export interface AllowedMethods {
  /** Empty: no route is known for the path. */
  of(path: string): readonly string[];
  /** Whether a route takes the method: sooner told than all methods. */
  includes(path: string, method: string): boolean;
}

export function createAllowedMethods(routes: readonly Hono<DicomWebEnv>[]): AllowedMethods {
  const known = routes
    .flatMap((app) => app.routes)
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => ({ method, pattern: patternOf(path) }));
  return {
    of(path) {
      const methods = new Set<string>();
      for (const { method, pattern } of known) if (pattern.test(path)) methods.add(method);
      if (methods.has('GET')) methods.add('HEAD');
      if (methods.size > 0) methods.add('OPTIONS');
      return [...methods].sort();
    },
    includes: (path, asked) =>
      known.some(
        ({ method, pattern }) => method === (asked === 'HEAD' ? 'GET' : asked) && pattern.test(path),
      ),
  };
}

/** Hono's paths: `:name`, with a pattern in braces or without, and `*`. */
function patternOf(path: string): RegExp {
  const source = path
    .split('/')
    .map((segment) => {
      const [, pattern] = /^:\w+(?:\{(.+)\})?\??$/.exec(segment) ?? [];
      if (pattern !== undefined) return `(?:${pattern})`;
      if (segment.startsWith(':')) return '[^/]+';
      if (segment === '*') return '.*';
      return segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    })
    .join('/');
  return new RegExp(`^${source}$`);
}
