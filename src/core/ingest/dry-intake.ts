import type { Intake } from '../ports/intake.ts';
import type { StudyIndex } from '../ports/study-index.ts';
import { instanceKeyText } from '../study/instance.ts';
import { DataSetInspector } from './data-set-inspector.ts';
import { judgeDataSet } from './judge-data-set.ts';

/** An intake that keeps nothing: it says what the real one would answer now. */
export function createDryIntake(index: Pick<StudyIndex, 'findInstance'>): Intake {
  /** What the real one would have stored so far, by key: the digest. */
  const stored = new Map<string, string>();
  return {
    begin({ customer }, declared) {
      const inspector = new DataSetInspector(declared.transferSyntaxUid);
      return {
        write(bytes) {
          inspector.write(bytes);
          return undefined;
        },
        async finish() {
          const { scan, sha256 } = await inspector.end();
          const judged = judgeDataSet(customer, declared, scan);
          if (judged.kind === 'refused') return judged;
          const { key } = judged;
          const text = instanceKeyText(key);
          const known = index.findInstance(key)?.sha256 ?? stored.get(text);
          if (known === undefined) stored.set(text, sha256);
          return { kind: known === undefined ? 'stored' : known === sha256 ? 'duplicate' : 'conflict', key };
        },
        abort: () => Promise.resolve(),
      };
    },
    intakeEnded: () => undefined,
  };
}
