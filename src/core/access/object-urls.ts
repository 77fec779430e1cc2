import type { Clock } from '../ports/clock.ts';
import type { ObjectUrls } from '../ports/object-urls.ts';
import { signObjectToken } from './object-token.ts';
import type { KeyRing } from './object-token.ts';

export interface ObjectUrlsOptions {
  /**
   * Where the public listener is reached from outside, for example `https://images.example.org`; may hold a path.
   * A function where it is known only once the listener is up.
   */
  readonly publicUrl: string | (() => string);
  readonly keys: KeyRing;
  readonly clock: Clock;
  /** How long a URL is good for, in whole seconds. */
  readonly lifetimeSeconds: number;
}

/** Makes signed object URLs, `<publicUrl>/objects/<study>/<series>/<instance>.dcm?token=…`. */
export function createObjectUrls({ publicUrl, keys, clock, lifetimeSeconds }: ObjectUrlsOptions): ObjectUrls {
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1)
    throw new RangeError(`URL lifetime must be a whole number of seconds, not ${lifetimeSeconds}`);
  const prefixOf =
    typeof publicUrl === 'string' ? fixed(objectsPrefix(publicUrl)) : () => objectsPrefix(publicUrl());

  return {
    forStudy(study) {
      const expiresAtSeconds = Math.ceil(clock.now() / 1000) + lifetimeSeconds;
      const start = `${prefixOf()}/${study.studyInstanceUid}`;
      return {
        head: (seriesInstanceUid) => `${start}/${seriesInstanceUid}/`,
        tail: `.dcm?token=${signObjectToken(keys.current(), study, expiresAtSeconds)}`,
      };
    },
  };
}

function objectsPrefix(publicUrl: string): string {
  const base = new URL(publicUrl);
  if (base.search !== '' || base.hash !== '' || base.username !== '' || base.password !== '')
    throw new RangeError('publicUrl must be an origin with at most a path');
  return `${base.origin}${base.pathname.replace(/\/+$/, '')}/objects`;
}

const fixed = (value: string) => () => value;
