import type { Config } from '../config/config.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Removals } from '../core/ports/removals.ts';
import type { StudyKey } from '../core/study/instance.ts';

export interface HandOutNoteOptions {
  readonly removals: Pick<Removals, 'noteHandOut'>;
  readonly config: Pick<Config, 'access'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Writes down until when URLs of a study are good, so that it is not removed before. */
export function handOutNote({
  removals,
  config,
  clock,
  logger,
}: HandOutNoteOptions): (key: StudyKey) => void {
  return (key) => {
    const until = clock.now() + (config.access.urlLifetimeSeconds + 1) * 1000;
    removals.noteHandOut(key, until).catch((error: unknown) => {
      logger.error({ ...key, err: error }, 'a hand-out of URLs could not be written down');
    });
  };
}

/** The same maker of URLs, which also tells of each study that it makes some for. */
export function notingHandOuts<Arguments extends readonly unknown[], Result>(
  urls: { forStudy(study: StudyKey, ...rest: Arguments): Result },
  note: (key: StudyKey) => void,
): { forStudy(study: StudyKey, ...rest: Arguments): Result } {
  return {
    forStudy(study, ...rest) {
      note(study);
      return urls.forStudy(study, ...rest);
    },
  };
}
