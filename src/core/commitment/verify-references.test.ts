import { expect, it } from 'vitest';

import { createMemoryObjects } from '../../../test/support/memory-objects.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import { uid } from '../../dicom/uid.ts';
import { StoreError } from '../ports/instance-store.ts';
import type { InstanceStore } from '../ports/instance-store.ts';
import { customerKey } from '../study/instance.ts';
import type { InstanceRecord } from '../study/study.ts';
import { failureReason, verifyReferences } from './verify-references.ts';

const CITY = customerKey('city-medical');
const CT = uid('1.2.840.10008.5.1.4.1.1.2');
const MR = uid('1.2.840.10008.5.1.4.1.1.4');

it('names the reason by what the index and the disk have', () => {
  expect(failureReason(0, [])).toBe('no-such-object-instance');
  expect(failureReason(1, [])).toBe('class-instance-conflict');
  expect(failureReason(1, ['intact'])).toBeUndefined();
  expect(failureReason(1, ['gone'])).toBe('no-such-object-instance');
  expect(failureReason(1, ['damaged'])).toBe('processing-failure');
  expect(failureReason(1, ['out-of-resources'])).toBe('resource-limitation');
  expect(failureReason(2, ['damaged', 'intact'])).toBeUndefined();
  expect(failureReason(3, ['gone', 'out-of-resources', 'damaged'])).toBe('processing-failure');
});

function setUp() {
  const objects = createMemoryObjects();
  const records: InstanceRecord[] = [];
  const logger = createRecordingLogger();
  const add = (
    sop: string,
    content: Buffer,
    customer = 'city-medical',
    series = '1.2.3.4',
  ): InstanceRecord => {
    const record = objects.add({ sop, content, customer, series });
    records.push(record);
    return record;
  };
  const index = {
    findInstancesBySopUid: (customer: string, sopInstanceUid: string) =>
      records.filter(({ key }) => key.customer === customer && key.sopInstanceUid === sopInstanceUid),
  };
  return { objects, records, logger, add, index };
}
const refer = (sop: string, sopClassUid = CT) => ({ sopClassUid, sopInstanceUid: uid(sop) });
const never = new AbortController().signal;

it('commits what is whole on disk, and tells of everything else what is wrong', async () => {
  const { objects, add, index, logger } = setUp();
  add('1.1', Buffer.alloc(700_000, 1));
  const flipped = add('1.2', Buffer.alloc(700_000, 2));
  objects.tamper(flipped.key, Buffer.alloc(700_000, 2).fill(3, 699_999));
  const gone = add('1.3', Buffer.from('gone'));
  objects.tamper(gone.key, undefined);
  add('1.4', Buffer.from('of another customer'), 'north-clinic');
  const references = [refer('1.1'), refer('1.2'), refer('1.3'), refer('1.4'), refer('1.5'), refer('1.1', MR)];
  const failures = await verifyReferences(CITY, references, { index, store: objects.store, logger }, never);
  expect(failures).toEqual([
    { position: 1, reason: 'processing-failure' },
    { position: 2, reason: 'no-such-object-instance' },
    { position: 3, reason: 'no-such-object-instance' },
    { position: 4, reason: 'no-such-object-instance' },
    { position: 5, reason: 'class-instance-conflict' },
  ]);
  expect(objects.open).toBe(0);
  expect(logger.messages('error')).toHaveLength(2);
});

it('takes any whole object where a UID lies in several series', async () => {
  const { objects, add, index, logger } = setUp();
  const damaged = add('1.1', Buffer.from('one'), 'city-medical', '1.2.3.4');
  objects.tamper(damaged.key, Buffer.from('two'));
  add('1.1', Buffer.from('one'), 'city-medical', '1.2.3.5');
  expect(
    await verifyReferences(CITY, [refer('1.1')], { index, store: objects.store, logger }, never),
  ).toEqual([]);
});

it('tells a shortage from a damage', async () => {
  const { add, index, logger } = setUp();
  add('1.1', Buffer.from('one'));
  const failWith = (code: 'out-of-resources' | 'io'): Pick<InstanceStore, 'open'> => ({
    open: () => Promise.reject(new StoreError(code, 'open an object: EMFILE')),
  });
  const verify = (store: Pick<InstanceStore, 'open'>) =>
    verifyReferences(CITY, [refer('1.1')], { index, store, logger }, never);
  expect(await verify(failWith('out-of-resources'))).toEqual([
    { position: 0, reason: 'resource-limitation' },
  ]);
  expect(await verify(failWith('io'))).toEqual([{ position: 0, reason: 'processing-failure' }]);
});

it('gives up in the middle of an object when asked to', async () => {
  const { objects, add, index, logger } = setUp();
  add('1.1', Buffer.alloc(10_000_000));
  const letGo = objects.holdReads();
  const giveUp = new AbortController();
  const verifying = verifyReferences(
    CITY,
    [refer('1.1')],
    { index, store: objects.store, logger },
    giveUp.signal,
  );
  giveUp.abort();
  letGo();
  expect(await verifying).toBeUndefined();
  expect(objects.bytesRead).toBeLessThan(1_000_000);
  expect(objects.open).toBe(0);
});
