import type { LedgerFault } from '../ports/proof-index.ts';
import { finding } from './finding.ts';
import type { ProofRun } from './proof-run.ts';

/** Rows read in one turn of the event loop. */
const STRETCH = 1000;
/** Lost acknowledgements kept in memory to find their files; more than that is a lost index. */
const MAX_LOST = 200_000;

/** A set of row numbers: a bit each, so that many millions take little. */
class RowSet {
  #bits = new Uint8Array(1024);

  add(id: number): void {
    const at = id >>> 3;
    if (at >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(at + 1, this.#bits.length * 2));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (id & 7));
  }

  has(id: number): boolean {
    return ((this.#bits[id >>> 3] ?? 0) & (1 << (id & 7))) !== 0;
  }
}

/**
 * Holds the ledger against the index, both ways. What was acknowledged and is not indexed is kept in `run.lost`: a file
 * may still be there for it.
 */
export async function checkLedger(run: ProofRun): Promise<void> {
  const { proof } = run.parts;
  const highest = proof.highestInstanceId();
  const acknowledged = new RowSet();
  let stored = 0;
  let kept = 0;
  for (let after = 0; ;) {
    const stretch = proof.ledger(after, STRETCH);
    if (stretch.last === undefined) break;
    after = stretch.last;
    stored += stretch.stored;
    for (const id of stretch.instanceIds) acknowledged.add(id);
    for (const fault of stretch.faults) {
      if (fault.found !== undefined) {
        const { found, ledgerId, sha256, bytes } = fault;
        const detail = `ledger entry ${ledgerId} stands for ${bytes} bytes with digest ${sha256}, the index has ${found.bytes} bytes with ${found.sha256}`;
        const key = fault.outcome === 'stored' ? proof.keyOf(fault.subjectId) : undefined;
        await run.report(finding('acknowledged-otherwise', key, { detail }));
      } else if (kept < MAX_LOST) {
        kept += 1;
        run.lost.set(fault.sha256, [...(run.lost.get(fault.sha256) ?? []), fault]);
      } else await reportLost(run, fault);
    }
    await run.breathe();
    await run.progress();
  }
  run.tally.acknowledged = stored;
  for (let after = 0; after < highest;) {
    const ids = proof.instanceIds(after, STRETCH);
    const last = ids.at(-1);
    if (last === undefined) break;
    after = last;
    for (const id of ids) {
      if (id > highest || acknowledged.has(id)) continue;
      const detail = 'in the index, but the ledger has no acknowledgement of it';
      await run.report(finding('indexed-not-acknowledged', proof.keyOf(id), { detail }));
    }
    await run.breathe();
  }
}

/** Names what was acknowledged and is neither in the index nor among the files. */
export async function reportLostAcknowledgements(run: ProofRun): Promise<void> {
  for (const faults of run.lost.values()) for (const fault of faults) await reportLost(run, fault);
}

async function reportLost(
  run: ProofRun,
  { ledgerId, at, bytes, sha256, outcome }: LedgerFault,
): Promise<void> {
  const what = outcome === 'stored' ? 'an instance' : 'a conflicting object';
  const detail = `ledger entry ${ledgerId}: ${what} of ${bytes} bytes, acknowledged ${new Date(at).toISOString()}, Data Set digest ${sha256}, is neither in the index nor among the files`;
  await run.report(
    finding('acknowledged-not-indexed', undefined, {
      detail,
      remedy: 'restore it from a backup, or send the study again',
    }),
  );
}
