import { checkConflicts } from './check-conflicts.ts';
import { checkLedger, reportLostAcknowledgements } from './check-ledger.ts';
import { checkStudy } from './check-study.ts';
import { finding, type ProofCounts } from './finding.ts';
import { type EmitProof, type ProofParts, type ProofRequest, ProofRun } from './proof-run.ts';
import { findUnknownFiles } from './unknown-files.ts';

const STUDIES_AT_A_TIME = 200;
/** What lies in the staging folder for longer than this is on its way no more. */
const LEFT_BEHIND_MS = 3_600_000;

/**
 * Proves that acknowledged = stored = indexed = announced (design invariant 9), or names each exception. Can run beside
 * ingest: what is on its way is no exception. Repairs only what is certain, and only where asked to.
 * @throws whatever `emit` or the index throws; StoreError where the data folder cannot be listed.
 */
export async function verify(
  parts: ProofParts,
  request: ProofRequest,
  signal: AbortSignal,
  emit: EmitProof,
): Promise<ProofCounts> {
  const run = new ProofRun(parts, request, signal, emit);
  let result: 'done' | 'stopped' = 'done';
  try {
    if (run.isWhole || request.repair) {
      await run.enter('ledger');
      await checkLedger(run);
    }
    await run.enter('studies');
    for (let after = 0; ;) {
      const studies = parts.proof.selectStudies(request.selection, after, STUDIES_AT_A_TIME);
      const last = studies.at(-1);
      if (last === undefined) break;
      after = last.id;
      for (const study of studies) {
        await checkStudy(run, study);
        await run.breathe();
      }
      await run.progress();
    }
    await run.enter('files');
    await checkConflicts(run);
    await findUnknownFiles(run);
    if (run.isWhole) {
      await reportLostAcknowledgements(run);
      await checkTotals(run);
      await run.enter('leftovers');
      await checkLeftovers(run);
    } else run.tally.acknowledged = undefined;
  } catch (error) {
    if (!signal.aborted) throw error;
    result = 'stopped';
  }
  const counts = run.counts();
  await emit({ event: 'end', result, counts });
  return counts;
}

/** The figures of status and metrics are kept by the database as it changes: do they agree with its rows? */
async function checkTotals(run: ProofRun): Promise<void> {
  const { proof } = run.parts;
  const wrong = proof.wrongTotals();
  if (wrong.length === 0) return;
  const detail = `the totals that status and metrics show are wrong: ${wrong.join(', ')}`;
  if (run.request.repair) await proof.recountTotals();
  const outcome = run.request.repair ? { repaired: 'counted anew' } : { remedy: '--repair counts anew' };
  await run.report(finding('count-wrong', undefined, { detail, ...outcome }));
}

async function checkLeftovers(run: ProofRun): Promise<void> {
  const { files, clock } = run.parts;
  for await (const { area, path, kind, modifiedAt } of files.leftovers()) {
    const isOld = clock.now() - modifiedAt > LEFT_BEHIND_MS;
    switch (kind) {
      case 'staged':
      case 'partial':
        if (!isOld) break;
        await run.report(
          finding('leftover', undefined, {
            path,
            detail:
              kind === 'staged'
                ? 'a staging link that nobody released'
                : 'a transfer that never ended; nobody was told that it was stored',
            remedy: 'the next start of the daemon clears it up',
          }),
        );
        break;
      case 'foreign':
        await run.report(
          finding('leftover', undefined, { path, detail: `nothing of this name belongs into ${area}/` }),
        );
        break;
      case 'no-reason':
        if (isOld)
          await run.report(
            finding('leftover', undefined, { path, detail: 'a file in quarantine without its reason' }),
          );
        break;
      case 'no-file':
        await run.report(
          finding('leftover', undefined, { path, detail: 'a reason in quarantine whose file is gone' }),
        );
    }
  }
}
