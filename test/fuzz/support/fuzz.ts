import fc from 'fast-check';

/**
 * - `FUZZ_RUNS`: cases of each fuzz test, instead of its own few;
 * - `FUZZ_SEED`: of the random numbers; a new one each time unless set;
 * - `FUZZ_PATH`: of one case under that seed, as a failure prints it.
 */
const RUNS = numberOf('FUZZ_RUNS');
const SEED = numberOf('FUZZ_SEED');
const PATH = process.env.FUZZ_PATH ?? '';

function numberOf(variable: string): number | undefined {
  const text = process.env[variable] ?? '';
  if (text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value)) throw new RangeError(`${variable} is not a whole number: ${text}`);
  return value;
}

const seedOfThisRun = SEED ?? Math.floor(Math.random() * 0x7fff_ffff);
let isSeedAnnounced = false;
let done = 0;

/** How many cases were tried in this file so far, for its closing line. */
export const casesTried = (): number => done;

/** Cases of a test that tries `few` of them unless told otherwise. */
export const runsOf = (few: number): number => RUNS ?? few;

export interface FuzzOptions<T> {
  /** The test's name, for the command that repeats a failure. */
  readonly name: string;
  readonly of: fc.Arbitrary<T>;
  /** Cases in an ordinary run; `FUZZ_RUNS` takes its place. */
  readonly few: number;
  /** How many are tried at the same time; default 1. */
  readonly lanes?: number;
  /** Throws where the case shows a fault. */
  readonly check: (value: T) => void | Promise<void>;
}

/**
 * Tries many cases.
 * @throws Error for the first fault, shrunk, with the command that repeats it.
 */
export async function fuzz<T>({ name, of, few, lanes = 1, check }: FuzzOptions<T>): Promise<void> {
  if (!isSeedAnnounced) process.stdout.write(`fuzz seed: FUZZ_SEED=${seedOfThisRun}\n`);
  isSeedAnnounced = true;
  if (PATH !== '') {
    await runLane(seedOfThisRun, Infinity, () => false);
    return;
  }
  let hasFailed = false;
  const share = Math.ceil(runsOf(few) / lanes);
  await Promise.all(
    Array.from({ length: lanes }, (_, lane) =>
      runLane(seedOfThisRun + lane, share, () => hasFailed).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      }),
    ),
  );

  async function runLane(seed: number, numRuns: number, isOver: () => boolean): Promise<void> {
    let isMine = false;
    const property = fc.asyncProperty(of, async (value) => {
      if (isOver() && !isMine) return;
      done += 1;
      try {
        await check(value);
      } catch (error) {
        isMine = true;
        throw error;
      }
    });
    const details = await fc.check(property, {
      seed,
      numRuns: Number.isFinite(numRuns) ? numRuns : 1,
      ...(PATH !== '' && { path: PATH }),
    });
    if (!details.failed) return;
    const repeat = `FUZZ_SEED=${details.seed} FUZZ_PATH=${details.counterexamplePath ?? ''} npm run test:fuzz -- -t '${name}'`;
    throw new Error(`to repeat: ${repeat}\n${await fc.asyncDefaultReportMessage(details)}`, {
      cause: details.errorInstance,
    });
  }
}
