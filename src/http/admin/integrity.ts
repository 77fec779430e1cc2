import type { DamagedObject } from '../../core/ports/scrub-records.ts';
import type { ScrubStatus } from '../../core/proof/scrub.ts';

/** How the background check stands, and which objects are known to be damaged. Times are milliseconds since 1970. */
export interface IntegrityView extends ScrubStatus {
  readonly everyDays?: number;
  readonly damagedObjects: number;
  /** The first of them, by path. */
  readonly damaged: readonly DamagedObject[];
}

/** The answer of `GET /api/integrity`. */
export function presentIntegrity({ round, oldestCheckAt, everyDays, damaged, ...view }: IntegrityView) {
  return {
    isActive: view.isActive,
    everyDays: everyDays ?? null,
    isBehind: view.isBehind,
    oldestCheckAt: oldestCheckAt === undefined ? null : iso(oldestCheckAt),
    round:
      round === undefined
        ? null
        : {
            startedAt: iso(round.startedAt),
            finishedAt: round.finishedAt === undefined ? null : iso(round.finishedAt),
            objects: round.objects,
            bytes: round.bytes,
          },
    damagedObjects: view.damagedObjects,
    damaged: damaged.map(({ key, kind, path, detail, remedy, foundAt, seenAt }) => ({
      ...key,
      kind,
      path,
      detail,
      remedy: remedy ?? null,
      foundAt: iso(foundAt),
      seenAt: iso(seenAt),
    })),
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
