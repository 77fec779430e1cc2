import type { Clock } from '../ports/clock.ts';
import type { InstanceStore } from '../ports/instance-store.ts';
import type { Intake, IngestOutcome, Reception } from '../ports/intake.ts';
import type { Logger } from '../ports/logger.ts';
import type { StudyIndex } from '../ports/study-index.ts';
import type { InstanceOrigin } from '../study/instance.ts';
import { InstanceReception, type ReceptionContext } from './instance-reception.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { StagingReleaser } from './staging-releaser.ts';
import { StudyGate } from './study-gate.ts';

/** Told of everything that comes in, in its order, right after it is answered. Called synchronously: keep it short. */
export interface IntakeObserver {
  /** @param bytes of the Data Set */
  instanceHandled(origin: InstanceOrigin, outcome: IngestOutcome, bytes: number, receivedAt: number): void;
  intakeEnded(intakeId: string): void;
}

export interface IntakeOptions {
  readonly store: InstanceStore;
  readonly index: StudyIndex;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether the disk may take more; false refuses new instances before a byte is written. */
  readonly hasSpace: () => boolean;
  readonly observers: readonly IntakeObserver[];
  /** Shared with whoever takes studies out of their place. */
  readonly gate?: StudyGate;
}

/** The one way in: C-STORE, folders, STOW-RS and import all begin their receptions here. */
export function createIntake(options: IntakeOptions): Intake & { flush(): Promise<void> } {
  const { observers, gate = new StudyGate() } = options;
  const releaser = new StagingReleaser(options);
  let untold: Parameters<IntakeObserver['instanceHandled']>[] = [];
  const tell = (): void => {
    const handled = untold;
    untold = [];
    for (const one of handled) for (const observer of observers) observer.instanceHandled(...one);
  };
  const context = {
    ...options,
    releaser,
    gate,
    inFlight: new KeyedQueue(),
    onOutcome: (...handled: Parameters<IntakeObserver['instanceHandled']>) => {
      // In the next turn: the sender waits for its answer, and no observer has a say in that.
      if (untold.length === 0) setImmediate(tell);
      untold.push(handled);
    },
  };
  return {
    begin: (origin, declared) =>
      options.hasSpace() ? new InstanceReception(context, origin, declared) : refuseForSpace(context, origin),
    intakeEnded: (intakeId) => {
      tell();
      for (const observer of observers) observer.intakeEnded(intakeId);
    },
    flush: () => {
      tell();
      return releaser.flush();
    },
  };
}

/** Takes the bytes off the wire and drops them: the sender is told at the end, and the Association goes on. */
function refuseForSpace({ clock, onOutcome }: ReceptionContext, origin: InstanceOrigin): Reception {
  let bytes = 0;
  return {
    write(chunk) {
      bytes += chunk.length;
      return undefined;
    },
    finish() {
      const outcome = {
        kind: 'refused',
        code: 'out-of-resources',
        message: 'Disk below its reserve, try again later',
      } as const;
      onOutcome(origin, outcome, bytes, clock.now());
      return Promise.resolve(outcome);
    },
    abort: () => Promise.resolve(),
  };
}
