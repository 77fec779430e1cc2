import type { IntakeObserver } from '../core/ingest/create-intake.ts';
import type { Clock } from '../core/ports/clock.ts';

/** For so long after an image the intake counts as busy. */
const BUSY_MS = 2000;

/** Knows whether images are coming in, for what leaves the disk to them. */
export interface IntakeWatch {
  readonly observer: IntakeObserver;
  isBusy(): boolean;
}

export function watchIntake(clock: Clock): IntakeWatch {
  let lastInstanceAt = Number.NEGATIVE_INFINITY;
  return {
    observer: {
      instanceHandled: () => void (lastInstanceAt = clock.now()),
      intakeEnded: () => undefined,
    },
    isBusy: () => clock.now() - lastInstanceAt < BUSY_MS,
  };
}
