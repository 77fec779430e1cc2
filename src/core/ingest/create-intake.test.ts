import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import {
  syntheticCt,
  type SyntheticCtOptions,
  type SyntheticInstance,
  textElement,
} from '../../../test/support/data-sets.ts';
import { createFakeClock, type FakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger, type RecordingLogger } from '../../../test/support/recording-logger.ts';
import { temporaryIndex } from '../../../test/support/temporary-index.ts';
import { temporaryStore } from '../../../test/support/temporary-store.ts';
import { uid } from '../../dicom/uid.ts';
import type { InstanceStore } from '../ports/instance-store.ts';
import type { IngestOutcome } from '../ports/intake.ts';
import type { StudyIndex } from '../ports/study-index.ts';
import { customerKey, type DeclaredInstance, type InstanceKey } from '../study/instance.ts';
import { createIntake } from './create-intake.ts';
import { recoverStaged } from './recover-staged.ts';

let dataDir: string;
let store: InstanceStore;
let index: StudyIndex;
let clock: FakeClock;
let logger: RecordingLogger;
let hasSpace: boolean;
let intake: ReturnType<typeof createIntake>;

const customer = customerKey('city-medical');
const origin = {
  source: 'dimse',
  customer,
  callingAeTitle: 'CT1',
  calledAeTitle: 'CITYMED',
  intakeId: 'a',
} as const;

beforeEach(async () => {
  ({ dataDir, store } = await temporaryStore());
  ({ index } = temporaryIndex());
  clock = createFakeClock();
  logger = createRecordingLogger();
  hasSpace = true;
  intake = createIntake({
    store,
    index,
    clock,
    logger,
    hasSpace: () => hasSpace,
    observers: [],
  });
});

const declaredOf = (instance: SyntheticInstance): DeclaredInstance => ({
  transferSyntaxUid: uid(instance.transferSyntaxUid),
  sopClassUid: uid(instance.sopClassUid),
  sopInstanceUid: uid(instance.sopInstanceUid),
});

async function receive(
  instance: SyntheticInstance,
  declared: Partial<DeclaredInstance> = {},
): Promise<IngestOutcome> {
  const reception = intake.begin(origin, { ...declaredOf(instance), ...declared });
  for (let at = 0; at < instance.dataSet.length; at += 16_384) {
    await reception.write(instance.dataSet.subarray(at, at + 16_384));
  }
  return reception.finish();
}

const ct = (options: SyntheticCtOptions = {}): SyntheticInstance =>
  syntheticCt({ rows: 64, columns: 64, ...options });

function keyOf(outcome: IngestOutcome): InstanceKey {
  if (outcome.kind === 'refused') throw new Error(`refused: ${outcome.message}`);
  return outcome.key;
}

/** The Data Set as it lies on disk. */
async function storedDataSet(key: InstanceKey): Promise<Buffer> {
  const file = await fs.readFile(store.pathOf(key));
  return file.subarray(index.findInstance(key)?.dataSetOffset);
}

const incoming = () => fs.readdir(path.join(dataDir, 'incoming'));

describe('intake', () => {
  it('stores the Data Set byte for byte and indexes what its header says', async () => {
    const instance = ct({ elements: [textElement(0x0010_0010, 'PN', 'Doe^Jane')] });
    const outcome = await receive(instance);
    expect(outcome.kind).toBe('stored');
    const key = keyOf(outcome);
    expect((await storedDataSet(key)).equals(instance.dataSet)).toBe(true);
    expect(index.findInstance(key)).toMatchObject({
      sopClassUid: instance.sopClassUid,
      transferSyntaxUid: instance.transferSyntaxUid,
      sha256: createHash('sha256').update(instance.dataSet).digest('hex'),
      image: { rows: 64, columns: 64 },
    });
    expect(index.findStudy(key)?.attributes.PatientName).toBe('Doe^Jane');
  });

  it('takes the same instance again as a duplicate and changes nothing', async () => {
    const instance = ct();
    const key = keyOf(await receive(instance));
    const before = await fs.stat(store.pathOf(key));
    expect((await receive(instance)).kind).toBe('duplicate');
    expect((await fs.stat(store.pathOf(key))).mtimeMs).toBe(before.mtimeMs);
    expect(index.findStudy(key)?.instances).toBe(1);
    await intake.flush();
    expect(await incoming()).toEqual([]);
  });

  it('keeps other bytes under the same UIDs apart, serves the first and shows the conflict', async () => {
    const first = ct();
    const second = ct({ elements: [textElement(0x0008_1030, 'LO', 'OTHER')] });
    const key = keyOf(await receive(first));
    expect((await receive(second)).kind).toBe('conflict');
    expect((await storedDataSet(key)).equals(first.dataSet)).toBe(true);
    const [conflict] = index.conflicts(10);
    const kept = await fs.readFile(path.join(dataDir, conflict?.path ?? ''));
    expect(kept.subarray(-second.dataSet.length).equals(second.dataSet)).toBe(true);
  });

  it('gives the same UIDs of two customers two objects that never meet', async () => {
    const instance = ct();
    const other = ct({ elements: [textElement(0x0010_0020, 'LO', 'OTHER-PATIENT')] });
    const key = keyOf(await receive(instance));
    const reception = intake.begin({ ...origin, customer: customerKey('north-clinic') }, declaredOf(other));
    void reception.write(other.dataSet);
    const outcome = await reception.finish();
    expect(outcome.kind).toBe('stored');
    expect((await storedDataSet(key)).equals(instance.dataSet)).toBe(true);
    expect((await storedDataSet(keyOf(outcome))).equals(other.dataSet)).toBe(true);
    expect(index.findStudy(key)?.instances).toBe(1);
  });

  it('stores the same instance once when it comes over two Associations at the same time', async () => {
    const instance = ct();
    const outcomes = await Promise.all([receive(instance), receive(instance), receive(instance)]);
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['duplicate', 'duplicate', 'stored']);
  });

  it('refuses a Data Set whose UIDs are not those announced, and keeps nothing of it', async () => {
    const instance = ct();
    const wrongInstance = await receive(instance, { sopInstanceUid: uid('1.2.3.999') });
    const wrongClass = await receive(instance, { sopClassUid: uid('1.2.840.10008.5.1.4.1.1.4') });
    expect(wrongInstance).toMatchObject({ kind: 'refused', code: 'identity-mismatch' });
    expect(wrongClass).toMatchObject({ kind: 'refused', code: 'identity-mismatch' });
    expect(await incoming()).toEqual([]);
    expect(index.totals().instances).toBe(0);
  });

  it('refuses what is no Data Set, or lacks the Study Instance UID, with a message that names it', async () => {
    const instance = ct();
    const garbage = await receive({ ...instance, dataSet: Buffer.alloc(5000, 0xa5) });
    expect(garbage).toMatchObject({ kind: 'refused', code: 'cannot-understand' });
    const nameless = await receive(ct({ omit: [0x0020_000d] }));
    expect(nameless).toMatchObject({ kind: 'refused', code: 'cannot-understand' });
    expect(nameless.kind === 'refused' && nameless.message).toMatch(/Study ?Instance ?UID/);
    expect(nameless.kind === 'refused' && nameless.message.length).toBeLessThanOrEqual(64);
  });

  it('refuses UIDs that would lead out of the object store', async () => {
    for (const evil of ['../../etc/passwd', '1.2/../../3', '..', '1.2.3\\..\\4']) {
      const instance = ct({ elements: [textElement(0x0020_000d, 'UI', evil)] });
      expect(await receive(instance), evil).toMatchObject({ kind: 'refused', code: 'cannot-understand' });
    }
    expect(await fs.readdir(path.join(dataDir, 'objects'))).toEqual([]);
  });

  it('keeps a Data Set that ends too early as it was sent: its bytes may be all there is', async () => {
    const whole = ct();
    const cut = { ...whole, dataSet: whole.dataSet.subarray(0, -1000) };
    const outcome = await receive(cut);
    expect(outcome.kind).toBe('stored');
    expect((await storedDataSet(keyOf(outcome))).equals(cut.dataSet)).toBe(true);
  });

  it('stores a deflated Data Set as it came and reads its header', async () => {
    const instance = ct({ transferSyntaxUid: '1.2.840.10008.1.2.1.99' });
    const key = keyOf(await receive(instance));
    expect((await storedDataSet(key)).equals(instance.dataSet)).toBe(true);
    expect(index.findInstance(key)?.image.rows).toBe(64);
  });

  it('tells the sender to try again when the disk is below its reserve, and takes the next once it is not', async () => {
    hasSpace = false;
    expect(await receive(ct())).toMatchObject({ kind: 'refused', code: 'out-of-resources' });
    expect(await incoming()).toEqual([]);
    hasSpace = true;
    expect((await receive(ct())).kind).toBe('stored');
  });

  it('answers a failing disk with a refusal and logs it, without patient data', async () => {
    await fs.chmod(path.join(dataDir, 'objects'), 0o500);
    await fs.rm(path.join(dataDir, 'incoming'), { recursive: true });
    const outcome = await receive(ct({ elements: [textElement(0x0010_0010, 'PN', 'Secret^Name')] }));
    expect(outcome).toMatchObject({ kind: 'refused', code: 'processing-failure' });
    expect(index.totals()).toMatchObject({ studies: 0, instances: 0, acknowledgedInstances: 0 });
    expect(logger.messages('error')).toHaveLength(1);
    expect(JSON.stringify(logger.lines)).not.toContain('Secret');
  });

  it('leaves nothing of a transfer that was aborted', async () => {
    const instance = ct({ rows: 1024, columns: 1024 });
    const reception = intake.begin(origin, declaredOf(instance));
    await reception.write(instance.dataSet.subarray(0, 1_500_000));
    await reception.abort();
    expect(await incoming()).toEqual([]);
  });

  it('puts an object back whose file was lost when the same bytes come again', async () => {
    const instance = ct();
    const key = keyOf(await receive(instance));
    await fs.rm(store.pathOf(key));
    expect((await receive(instance)).kind).toBe('stored');
    expect((await storedDataSet(key)).equals(instance.dataSet)).toBe(true);
    expect(index.findStudy(key)?.instances).toBe(1);
  });

  it('meets a stored object that the index lost: same bytes are indexed again, other bytes are a conflict', async () => {
    const instance = ct();
    const key = keyOf(await receive(instance));
    ({ index } = temporaryIndex());
    intake = createIntake({
      store,
      index,
      clock,
      logger,
      hasSpace: () => true,
      observers: [],
    });
    expect((await receive(instance)).kind).toBe('duplicate');
    expect(index.findInstance(key)?.fileBytes).toBe((await fs.stat(store.pathOf(key))).size);

    ({ index } = temporaryIndex());
    intake = createIntake({
      store,
      index,
      clock,
      logger,
      hasSpace: () => true,
      observers: [],
    });
    const other = ct({ elements: [textElement(0x0008_1030, 'LO', 'OTHER')] });
    expect((await receive(other)).kind).toBe('conflict');
    expect(
      (await fs.readFile(store.pathOf(key))).subarray(-instance.dataSet.length).equals(instance.dataSet),
    ).toBe(true);
  });
});

describe('recovery at start', () => {
  const recover = () => recoverStaged({ store, index, logger });

  it('indexes what was in place but not in the index, with its AE titles, and drops the staging link', async () => {
    const instance = ct();
    const key = keyOf(await receive(instance));
    // Power loss: the index has forgotten, the staging link is still there.
    ({ index } = temporaryIndex());
    expect(await recover()).toMatchObject({ indexed: 1, partialRemoved: 0, unresolved: 0 });
    expect(index.findInstance(key)?.sha256).toBe(createHash('sha256').update(instance.dataSet).digest('hex'));
    expect(index.findStudy(key)?.origin).toMatchObject({
      source: 'dimse',
      callingAeTitle: 'CT1',
      calledAeTitle: 'CITYMED',
    });
    expect(await incoming()).toEqual([]);
    expect(await recover()).toMatchObject({ indexed: 0 });
  });

  it('removes transfers that never finished', async () => {
    const instance = ct({ rows: 1024, columns: 1024 });
    const reception = intake.begin(origin, declaredOf(instance));
    for (let at = 0; at < 1_500_000; at += 65_536)
      await reception.write(instance.dataSet.subarray(at, at + 65_536));
    expect(await incoming()).toHaveLength(1);
    expect(await recover()).toMatchObject({ partialRemoved: 1, indexed: 0 });
    expect(await incoming()).toEqual([]);
    await reception.abort();
  });

  it.each([0, 100, 4000])(
    'takes out an object of which only %i bytes reached the disk before power failed',
    async (bytes) => {
      const instance = ct();
      const key = keyOf(await receive(instance));
      ({ index } = temporaryIndex());
      await fs.truncate(store.pathOf(key), bytes);
      expect(await recover()).toMatchObject({ tornRemoved: 1, indexed: 0, unresolved: 0 });
      expect(await incoming()).toEqual([]);
      await expect(fs.stat(store.pathOf(key))).rejects.toThrow('ENOENT');
      intake = createIntake({
        store,
        index,
        clock,
        logger,
        hasSpace: () => true,
        observers: [],
      });
      expect((await receive(instance)).kind).toBe('stored');
    },
  );

  describe('where power failed before the name of an object in its place was on disk', () => {
    const dataSetAt = async (key: InstanceKey, length: number): Promise<Buffer> =>
      (await fs.readFile(store.pathOf(key))).subarray(-length);

    it.each([
      ['its row was lost too', true, { indexed: 1, alreadyIndexed: 0 }],
      ['its row was kept', false, { indexed: 0, alreadyIndexed: 1 }],
    ])('puts it back: %s', async (_, isIndexLost, counts) => {
      const instance = ct();
      const key = keyOf(await receive(instance));
      if (isIndexLost) ({ index } = temporaryIndex());
      await fs.rm(path.dirname(path.dirname(store.pathOf(key))), { recursive: true });
      expect(await recover()).toMatchObject({ ...counts, putBack: 1, unresolved: 0, partialRemoved: 0 });
      expect((await dataSetAt(key, instance.dataSet.length)).equals(instance.dataSet)).toBe(true);
      expect(index.findInstance(key)?.sha256).toBe(
        createHash('sha256').update(instance.dataSet).digest('hex'),
      );
      expect(await incoming()).toEqual([]);
      expect(await recover()).toMatchObject({ putBack: 0, indexed: 0, alreadyIndexed: 0 });
    });

    it('drops it where not all of its bytes were on disk either', async () => {
      const key = keyOf(await receive(ct()));
      ({ index } = temporaryIndex());
      await fs.truncate(store.pathOf(key), 4000);
      await fs.unlink(store.pathOf(key));
      expect(await recover()).toMatchObject({ tornRemoved: 1, putBack: 0, indexed: 0, unresolved: 0 });
      await expect(fs.stat(store.pathOf(key))).rejects.toThrow('ENOENT');
      expect(await incoming()).toEqual([]);
    });

    it('keeps it as a conflict where other bytes came into its place', async () => {
      const instance = ct();
      const key = keyOf(await receive(instance));
      ({ index } = temporaryIndex());
      await fs.unlink(store.pathOf(key));
      await fs.writeFile(store.pathOf(key), 'other bytes');
      expect(await recover()).toMatchObject({ conflictsIndexed: 1, putBack: 0, indexed: 0, unresolved: 0 });
      expect(await fs.readFile(store.pathOf(key), 'utf8')).toBe('other bytes');
      expect(index.totals()).toMatchObject({ instances: 0, conflicts: 1 });
    });

    it('indexes what lies there where that is the same Data Set', async () => {
      const instance = ct();
      const key = keyOf(await receive(instance));
      ({ index } = temporaryIndex());
      const copy = await fs.readFile(store.pathOf(key));
      await fs.unlink(store.pathOf(key));
      await fs.writeFile(store.pathOf(key), copy);
      expect(await recover()).toMatchObject({ indexed: 1, putBack: 0, unresolved: 0 });
      expect(index.findInstance(key)?.fileBytes).toBe(copy.length);
      expect(await incoming()).toEqual([]);
    });
  });

  it('leaves what is indexed alone, and finds conflicts again', async () => {
    await receive(ct());
    await receive(ct({ elements: [textElement(0x0008_1030, 'LO', 'OTHER')] }));
    expect(await recover()).toMatchObject({ alreadyIndexed: 1, conflictsIndexed: 1, unresolved: 0 });
    expect(index.totals()).toMatchObject({ instances: 1, conflicts: 1 });
    expect(await incoming()).toEqual([]);
  });
});

it('keeps the staging link until the index is on stable storage', async () => {
  await receive(ct());
  expect(await incoming()).toHaveLength(1);
  await clock.advanceAsync(1000);
  await intake.flush();
  expect(await incoming()).toEqual([]);
});
