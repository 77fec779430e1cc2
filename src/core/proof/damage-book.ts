import type { DamageRecords, DamagedObject } from '../ports/scrub-records.ts';
import { checkConflict } from './check-conflicts.ts';
import { checkFile } from './check-study.ts';
import type { Finding, FindingKind, ProofEvent } from './finding.ts';
import { type ProofParts, type ProofRequest, ProofRun } from './proof-run.ts';
import type { Verifier } from './verifier.ts';

const DAMAGE: ReadonlySet<FindingKind> = new Set(['file-missing', 'file-damaged', 'file-unreadable']);
const LOOKED_AT_TOGETHER = 100;

export interface DamageBookOptions {
  readonly parts: ProofParts;
  readonly records: DamageRecords;
  /** For looking at known ones again. */
  readonly maxBytesPerSecond: number;
}

/** Knows the damaged objects that verifications and the background check have found, until they are whole or gone. */
export interface DamageBook {
  /** Takes down what a finding says of an object; resolves once that is kept. */
  note(event: ProofEvent): Promise<void>;
  /** Looks at each known one again, and forgets those that are whole by now, or no longer of this archive. */
  lookAgain(signal: AbortSignal): Promise<void>;
  /** The same verifier, listened to. Whatever it was asked, known ones are looked at again after it. */
  listeningTo(verifier: Verifier): Verifier;
  count(): number;
  list(limit: number): readonly DamagedObject[];
}

export function createDamageBook({ parts, records, maxBytesPerSecond }: DamageBookOptions): DamageBook {
  const { clock, index, proof, files } = parts;

  async function note(event: ProofEvent): Promise<void> {
    if (event.event !== 'finding' || !DAMAGE.has(event.kind) || event.path === undefined) return;
    if (event.repaired !== undefined) await records.forget(event.path);
    else await take(event, event.path);
  }

  async function take(found: Finding, path: string): Promise<void> {
    const { kind, customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid, detail, remedy } = found;
    if (!customer || !studyInstanceUid || !seriesInstanceUid || !sopInstanceUid) return;
    const key = { customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid } as DamagedObject['key'];
    const remedies = remedy === undefined ? {} : { remedy };
    await records.put({ key, kind, path, detail, ...remedies, seenAt: clock.now() });
  }

  async function lookAgain(signal: AbortSignal): Promise<void> {
    for (let after = ''; ;) {
      const known = records.list(LOOKED_AT_TOGETHER, after);
      const last = known.at(-1);
      if (last === undefined) return;
      after = last.path;
      for (const { path, key } of known) {
        const damaged: Finding[] = [];
        const run = new ProofRun(parts, { ...READ_ALL, maxBytesPerSecond }, signal, async (event) => {
          if (event.event !== 'finding' || !DAMAGE.has(event.kind)) return;
          damaged.push(event);
          await take(event, path);
        });
        const record = index.findInstance(key);
        if (record !== undefined && files.pathOf(key) === path) await checkFile(run, record);
        else {
          const conflict = proof.findConflict(path);
          if (conflict !== undefined) await checkConflict(run, conflict);
        }
        signal.throwIfAborted();
        if (damaged.length === 0) await records.forget(path);
      }
    }
  }

  return {
    note,
    lookAgain,
    listeningTo: (verifier) => ({
      stop: () => verifier.stop(),
      async verify(request, signal, emit) {
        const counts = await verifier.verify(request, signal, async (event) => {
          await note(event);
          await emit(event);
        });
        await lookAgain(signal);
        return counts;
      },
    }),
    count: () => records.count(),
    list: (limit) => records.list(limit),
  };
}

/** Every byte, and nothing is changed. */
export const READ_ALL: Omit<ProofRequest, 'maxBytesPerSecond'> = {
  selection: {},
  offline: true,
  quick: false,
  repair: false,
  setAside: false,
};
