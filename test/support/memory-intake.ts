import { createHash } from 'node:crypto';

import type { IngestOutcome, Intake } from '../../src/core/ports/intake.ts';
import { parseCustomerKey } from '../../src/core/study/instance.ts';
import type { DeclaredInstance, InstanceOrigin } from '../../src/core/study/instance.ts';
import { uid } from '../../src/dicom/uid.ts';

/** One object as it came in. */
export interface ReceivedObject {
  readonly origin: InstanceOrigin;
  readonly declared: DeclaredInstance;
  readonly bytes: number;
  /** SHA-256 of the Data Set, hex. */
  readonly digest: string;
}

/** An intake that keeps what it was told, for tests of the sources; see {@link createMemoryIntake}. */
export interface MemoryIntake extends Intake {
  readonly received: readonly ReceivedObject[];
  readonly aborted: readonly DeclaredInstance[];
  readonly ended: readonly string[];
  /** Largest number of writes that were under way at the same time in one reception. */
  readonly mostWritesAtOnce: () => number;
  /** Resolves when the next reception begins. */
  readonly nextBegin: () => Promise<void>;
}

export interface MemoryIntakeOptions {
  /** What `finish` answers; default stored. May be held back by returning a promise. */
  readonly outcome?: (declared: DeclaredInstance) => IngestOutcome | Promise<IngestOutcome>;
  /** What `write` waits for. */
  readonly beforeWrite?: (bytes: Buffer) => Promise<void> | undefined;
}

const KEY = {
  customer: parseCustomerKey('city-medical') ?? raise(),
  studyInstanceUid: uid('1.2.1'),
  seriesInstanceUid: uid('1.2.2'),
  sopInstanceUid: uid('1.2.3'),
};
function raise(): never {
  throw new Error('the key of the tests is not valid');
}

/** The outcome of an object that is kept. */
export const STORED: IngestOutcome = { kind: 'stored', key: KEY };
export const DUPLICATE: IngestOutcome = { kind: 'duplicate', key: KEY };
export const CONFLICT: IngestOutcome = { kind: 'conflict', key: KEY };

export function createMemoryIntake({
  outcome = () => STORED,
  beforeWrite,
}: MemoryIntakeOptions = {}): MemoryIntake {
  const received: ReceivedObject[] = [];
  const aborted: DeclaredInstance[] = [];
  const ended: string[] = [];
  let begun: (() => void)[] = [];
  let most = 0;
  return {
    received,
    aborted,
    ended,
    mostWritesAtOnce: () => most,
    nextBegin: () => new Promise((resolve) => begun.push(resolve)),
    begin(origin, declared) {
      const hash = createHash('sha256');
      let bytes = 0;
      let writing = 0;
      const wake = begun;
      begun = [];
      for (const resolve of wake) resolve();
      return {
        write(piece) {
          writing += 1;
          most = Math.max(most, writing);
          bytes += piece.length;
          hash.update(piece);
          const wait = beforeWrite?.(piece);
          if (wait === undefined) {
            writing -= 1;
            return undefined;
          }
          return wait.then(() => void (writing -= 1));
        },
        async finish() {
          const result = await outcome(declared);
          received.push({ origin, declared, bytes, digest: hash.digest('hex') });
          return result;
        },
        abort() {
          aborted.push(declared);
          return Promise.resolve();
        },
      };
    },
    intakeEnded: (id) => ended.push(id),
  };
}
