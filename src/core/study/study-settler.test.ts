import { beforeEach, describe, expect, it } from 'vitest';

import { createFakeClock, type FakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import { storedInstance } from '../../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../../test/support/temporary-index.ts';
import type { StudyIndex } from '../ports/study-index.ts';
import { customerKey, studyKeyText } from './instance.ts';
import { StudySettler } from './study-settler.ts';
import type { Product } from './study.ts';

let clock: FakeClock;
let index: StudyIndex;
let stable: string[];
let settler: StudySettler;
let products: Map<string, readonly Product[]>;

const CITY = 'city-medical/1.2.3';

beforeEach(() => {
  clock = createFakeClock();
  ({ index } = temporaryIndex());
  stable = [];
  products = new Map([['city-medical', ['viewer']]]);
  settler = newSettler();
});

function newSettler(): StudySettler {
  return new StudySettler({
    index,
    clock,
    logger: createRecordingLogger(),
    stableAfterMs: 30_000,
    stableAfterReleaseMs: 10_000,
    productsOf: (customer) => products.get(customer),
    onStable: (key) => stable.push(studyKeyText(key)),
  });
}

/** An instance arrives over the intake `intakeId`. */
async function arrive(sop: string, intakeId: string): Promise<void> {
  const receivedAt = clock.now();
  const instance = storedInstance({ sop, receivedAt });
  await index.addInstance(instance);
  settler.instanceHandled(
    { ...instance.origin, intakeId },
    { kind: 'stored', key: instance.key },
    1,
    receivedAt,
  );
}

describe('settling of studies', () => {
  it('settles after the quiet time, counted from the last image', async () => {
    settler.start();
    await arrive('1', 'a');
    await clock.advanceAsync(29_000);
    await arrive('2', 'a');
    await clock.advanceAsync(29_999);
    expect(stable).toEqual([]);
    await clock.advanceAsync(1);
    expect(stable).toEqual([CITY]);
    expect(index.totals().deliveries.pending).toBe(1);
  });

  it('settles sooner once every Association that brought images has ended', async () => {
    settler.start();
    await arrive('1', 'a');
    await arrive('2', 'b');
    settler.intakeEnded('a');
    await clock.advanceAsync(10_000);
    expect(stable).toEqual([]);
    settler.intakeEnded('b');
    await clock.advanceAsync(0);
    expect(stable).toEqual([CITY]);
  });

  it('late images reopen the study and it settles again', async () => {
    settler.start();
    await arrive('1', 'a');
    settler.intakeEnded('a');
    await clock.advanceAsync(10_000);
    await arrive('2', 'b');
    expect(index.findStudy(storedInstance().key)?.state).toBe('receiving');
    settler.intakeEnded('b');
    await clock.advanceAsync(10_000);
    expect(stable).toEqual([CITY, CITY]);
    expect(index.totals().deliveries.pending).toBe(1);
  });

  it('takes up studies that were receiving when the daemon stopped, giving senders time to come back', async () => {
    await arrive('1', 'a');
    await clock.advanceAsync(3_600_000);
    settler = newSettler();
    settler.start();
    await clock.advanceAsync(29_999);
    expect(stable).toEqual([]);
    await clock.advanceAsync(1);
    expect(stable).toEqual([CITY]);
  });

  it('settles although the clock was set back between images', async () => {
    settler.start();
    await arrive('1', 'a');
    clock.setBack(3_600_000);
    await arrive('2', 'a');
    settler.intakeEnded('a');
    await clock.advanceAsync(30_000 + 3_600_000);
    expect(stable).toEqual([CITY]);
  });

  it('completes at once when an operator says so, and says when there is no such study', async () => {
    settler.start();
    await arrive('1', 'a');
    expect(await settler.complete(storedInstance().key)).toBe(true);
    expect(stable).toEqual([CITY]);
    expect(await settler.complete(storedInstance({ study: '9.9' }).key)).toBe(false);
    await clock.advanceAsync(60_000);
    expect(stable).toEqual([CITY]);
  });

  it('keeps a study of a customer that is not configured waiting until it is', async () => {
    products.clear();
    settler.start();
    await arrive('1', 'a');
    await clock.advanceAsync(60_000);
    expect(stable).toEqual([]);
    products.set(customerKey('city-medical'), ['viewer']);
    await clock.advanceAsync(5_000);
    expect(stable).toEqual([CITY]);
  });
});
