import type { IntakeObserver } from '../core/ingest/create-intake.ts';
import type { FreeSpace } from '../storage/free-space.ts';

/** Keeps the free space watch in step with what comes in between two measurements. */
export function accountForIntake(freeSpace: FreeSpace): IntakeObserver {
  return {
    instanceHandled(_origin, outcome, bytes) {
      if (outcome.kind === 'stored' || outcome.kind === 'conflict') freeSpace.consumed(bytes);
      else if (outcome.kind === 'refused' && outcome.code === 'out-of-resources') freeSpace.remeasure();
    },
    intakeEnded: () => undefined,
  };
}
