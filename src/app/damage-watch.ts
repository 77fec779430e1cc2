import type { FindingKind } from '../core/proof/finding.ts';
import type { Verifier } from '../core/proof/verifier.ts';

const DAMAGE: ReadonlySet<FindingKind> = new Set(['file-missing', 'file-damaged', 'file-unreadable']);

/** Counts the damaged objects that verifications find. */
export interface DamageWatch {
  /** The same verifier, listened to. */
  readonly verifier: Verifier;
  /**
   * Objects that the latest verification found missing or damaged; undefined before the first. One that looked at a
   * part only can raise the number and not lower it.
   */
  damagedObjects(): number | undefined;
}

export function watchDamage(verifier: Verifier): DamageWatch {
  let damaged: number | undefined;
  return {
    verifier: {
      ...verifier,
      async verify(request, signal, emit) {
        let found = 0;
        const counts = await verifier.verify(request, signal, (event) => {
          if (event.event === 'finding' && event.repaired === undefined && DAMAGE.has(event.kind)) {
            found += 1;
            damaged = Math.max(damaged ?? 0, found);
          }
          return emit(event);
        });
        // Only a whole run counts the ledger.
        if (counts.acknowledged !== undefined && !request.quick) damaged = found;
        return counts;
      },
    },
    damagedObjects: () => damaged,
  };
}
