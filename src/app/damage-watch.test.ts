import { describe, expect, it } from 'vitest';
import type { Finding, FindingKind, ProofCounts } from '../core/proof/finding.ts';
import { finding } from '../core/proof/finding.ts';
import type { ProofRequest } from '../core/proof/proof-run.ts';
import type { Verifier } from '../core/proof/verifier.ts';
import { watchDamage } from './damage-watch.ts';

const REQUEST: ProofRequest = {
  selection: {},
  offline: true,
  quick: false,
  repair: false,
  setAside: false,
  maxBytesPerSecond: 0,
};

/** A verifier that finds what a test says, over everything or over a part. */
function verifierOf(script: { findings: Finding[]; isWhole: boolean }): Verifier {
  return {
    async verify(_request, _signal, emit) {
      for (const one of script.findings) await emit(one);
      return (script.isWhole ? { acknowledged: 1 } : {}) as ProofCounts;
    },
    stop: () => Promise.resolve(),
  };
}

const found = (kind: FindingKind, repaired?: string): Finding =>
  finding(kind, undefined, { detail: 'x', ...(repaired !== undefined && { repaired }) });

describe('damaged objects', () => {
  it('are those that the latest whole verification found and did not repair', async () => {
    const script = {
      findings: [found('file-missing'), found('file-damaged', 'from a copy'), found('count-wrong')],
      isWhole: true,
    };
    const watch = watchDamage(verifierOf(script));
    const events: unknown[] = [];
    const run = (request: Partial<ProofRequest> = {}): Promise<unknown> =>
      watch.verifier.verify({ ...REQUEST, ...request }, new AbortController().signal, (event) => {
        events.push(event);
      });
    expect(watch.damagedObjects()).toBeUndefined();
    await run();
    expect(watch.damagedObjects()).toBe(1);
    expect(events).toHaveLength(3);

    script.findings = [];
    script.isWhole = false;
    await run();
    expect(watch.damagedObjects()).toBe(1);
    script.isWhole = true;
    await run({ quick: true });
    expect(watch.damagedObjects()).toBe(1);
    await run();
    expect(watch.damagedObjects()).toBe(0);
  });
});
