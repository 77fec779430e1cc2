import fc from 'fast-check';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';

import type { Logger } from '../../src/core/ports/logger.ts';
import { createDimseServer } from '../../src/dimse/server.ts';
import type { DimseServer } from '../../src/dimse/server.ts';
import { createSystemClock } from '../../src/platform/clock.ts';
import { admitCityMedical } from '../support/dimse-server.ts';
import { createCountingIntake } from './support/counting-intake.ts';
import type { CountingIntake } from './support/counting-intake.ts';
import { createForgetfulCommitment } from './support/fuzz-server.ts';
import { casesTried, fuzz } from './support/fuzz.ts';
import { deliver, readAnswer } from './support/hostile-peer.ts';
import type { Answer } from './support/hostile-peer.ts';
import { bytesOfCase, hostileCase, piecesOf } from './support/mutations.ts';
import { startNeighbour } from './support/neighbour.ts';
import { loadRecordings } from './support/recordings.ts';
import { countDescriptors, retainedBytes, settles } from './support/resources.ts';

/** Bytes that may be held after a run, whatever its length, beyond those before: code compiled on the way, mostly. */
const RETAINED_ALLOWANCE_BYTES = 24e6;
/** Bytes that may be in use on the way: 64 peers and the garbage between two collections, of both sides. */
const MEMORY_ALLOWANCE_BYTES = 400e6;

const KINDS_TO_REACH = [
  'nothing',
  'A-ASSOCIATE-RJ',
  'A-ABORT',
  'A-ASSOCIATE-AC+A-ABORT',
  'A-ASSOCIATE-AC+P-DATA-TF',
  'A-ASSOCIATE-AC+P-DATA-TF+A-ABORT',
  'A-ASSOCIATE-AC+P-DATA-TF+A-RELEASE-RP',
];

const recordings = new Map(loadRecordings().map(({ name, bytes }) => [name, bytes]));
const names = [...recordings.keys()];

let intake: CountingIntake;
let server: DimseServer;
let port: number;
let errors: string[];
let endings: number;
/** Successes that peers were told of. */
let acknowledged: number;
let mostMemory: number;
/** How many answers of each kind there were. */
let tally: Map<string, number>;

function createErrorLogger(): Logger {
  const ignore = (): void => undefined;
  const logger: Logger = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields, message) => {
      const cause = fields.err instanceof Error ? ` ${fields.err.stack ?? fields.err.message}` : '';
      if (errors.length < 20) errors.push(`${message}${cause}`);
    },
    child: () => logger,
  };
  return logger;
}

beforeEach(async () => {
  errors = [];
  endings = 0;
  acknowledged = 0;
  mostMemory = 0;
  tally = new Map();
  intake = createCountingIntake();
  const clock = createSystemClock();
  server = createDimseServer({
    host: '127.0.0.1',
    port: 0,
    maxAssociations: 1000,
    maxPduLengthBytes: 65_536,
    maxAssociatePduBytes: 131_072,
    artimTimeoutMs: 500,
    idleTimeoutMs: 1000,
    admit: admitCityMedical,
    services: [createForgetfulCommitment(clock)],
    intake,
    logger: createErrorLogger(),
    clock,
    onAssociationEnd: () => void (endings += 1),
  });
  ({ port } = await server.listen());
});
afterEach(() => server.close());
afterAll(() => void process.stdout.write(`acceptor: ${casesTried()} cases tried\n`));

/** Sends a stream and checks what comes back. */
async function attack(
  pieces: readonly Buffer[],
  ending: Parameters<typeof deliver>[0]['ending'],
): Promise<Answer> {
  const answer = await deliver({ port, pieces, ending });
  const { stored, kind } = readAnswer(answer);
  tally.set(kind, (tally.get(kind) ?? 0) + 1);
  acknowledged += stored;
  mostMemory = Math.max(mostMemory, process.memoryUsage.rss());
  expect(errors).toEqual([]);
  expect(intake.breaches).toEqual([]);
  return answer;
}

test('mutated Associations end in an answer or a close, and harm nobody else', async () => {
  // What the first connections make the process open and allocate for good is no leak.
  for (const bytes of recordings.values()) await attack([bytes], 'half-close');
  await settles('the warm-up being over', () => server.associations().length === 0);
  const descriptorsBefore = countDescriptors();
  const retainedBefore = await retainedBytes();
  const memoryBefore = process.memoryUsage.rss();
  mostMemory = 0;

  const neighbour = startNeighbour(port, intake);
  await fuzz({
    name: 'mutated Associations',
    of: hostileCase(names),
    few: 2500,
    lanes: 64,
    async check(hostile) {
      await attack(piecesOf(bytesOfCase(hostile, recordings), hostile.splits), hostile.ending);
    },
  });
  const transfers = await neighbour.stop();

  await settles('every Association being over', () => server.associations().length === 0);
  expect(intake.open()).toBe(0);
  expect(acknowledged + transfers).toBeLessThanOrEqual(intake.stored());
  // Neither all turned away at the door nor all served: the cases reach every part.
  expect(endings).toBeGreaterThan(0);
  expect([...tally.keys()]).toEqual(expect.arrayContaining(KINDS_TO_REACH));
  expect(acknowledged).toBeGreaterThan(recordings.size);
  expect(transfers).toBeGreaterThan(0);
  const retained = (await retainedBytes()) - retainedBefore;
  expect(retained).toBeLessThan(RETAINED_ALLOWANCE_BYTES);
  expect(mostMemory - memoryBefore).toBeLessThan(MEMORY_ALLOWANCE_BYTES);
  if (descriptorsBefore === undefined) process.stdout.write('no /proc: descriptors were not counted\n');
  else await settles('descriptors being given back', () => countDescriptors() === descriptorsBefore);
  process.stdout.write(
    `acceptor: ${transfers} transfers beside, memory +${Math.round((mostMemory - memoryBefore) / 1e6)} MB at most, ` +
      `${(retained / 1e6).toFixed(1)} MB kept\n` +
      [...tally].map(([kind, count]) => `  ${String(count).padStart(7)} ${kind}\n`).join(''),
  );
});

test('where a recorded Association is split does not change its answer', async () => {
  const whole = new Map<string, Buffer>();
  for (const [name, bytes] of recordings) whole.set(name, (await attack([bytes], 'half-close')).bytes);
  await fuzz({
    name: 'where a recorded Association is split',
    of: fc.record({
      name: fc.constantFrom(...names),
      splits: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }),
    }),
    few: 400,
    lanes: 16,
    async check({ name, splits }) {
      const { bytes } = await attack(piecesOf(recordings.get(name) ?? Buffer.alloc(0), splits), 'half-close');
      expect(bytes.toString('hex')).toBe(whole.get(name)?.toString('hex'));
    },
  });
});
