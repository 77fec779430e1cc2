import type { Clock } from '../ports/clock.ts';
import type { ObjectUrls } from '../ports/object-urls.ts';
import { studyKeyText } from '../study/instance.ts';
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

/**
 * Makes signed object URLs, `<publicUrl>/objects/<study>/<series>/<instance>.dcm?token=…`.
 * `forStudy` throws a RangeError for an instance of another study or customer: its URL would never work.
 */
export function createObjectUrls({ publicUrl, keys, clock, lifetimeSeconds }: ObjectUrlsOptions): ObjectUrls {
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1)
    throw new RangeError(`URL lifetime must be a whole number of seconds, not ${lifetimeSeconds}`);
  const prefixOf =
    typeof publicUrl === 'string' ? fixed(objectsPrefix(publicUrl)) : () => objectsPrefix(publicUrl());

  return {
    forStudy(study, instances) {
      const { customer, studyInstanceUid } = study;
      const expiresAtSeconds = Math.ceil(clock.now() / 1000) + lifetimeSeconds;
      const head = `${prefixOf()}/${studyInstanceUid}/`;
      const tail = `.dcm?token=${signObjectToken(keys.current(), study, expiresAtSeconds)}`;
      return instances.map(({ key }) => {
        if (key.studyInstanceUid !== studyInstanceUid || key.customer !== customer)
          throw new RangeError(`instance ${key.sopInstanceUid} is not of ${studyKeyText(study)}`);
        return `${head}${key.seriesInstanceUid}/${key.sopInstanceUid}${tail}`;
      });
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
