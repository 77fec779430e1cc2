import { expect, it } from 'vitest';
import { storedInstance } from '../../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../../test/support/temporary-index.ts';
import { customerKey } from '../../core/study/instance.ts';
import { uid } from '../../dicom/uid.ts';
import { studiesOfUid } from './studies-of-uid.ts';

it('leaves out what is left of a study that was moved away, unless there is nothing else', async () => {
  const { index } = temporaryIndex();
  await index.addInstance(storedInstance());
  const right = index.findStudiesByUid(uid('1.2.3'));
  const left = right.map((study) => ({
    ...study,
    key: { ...study.key, customer: customerKey('north-clinic') },
    instances: 0,
  }));
  expect(right).toHaveLength(1);
  expect(studiesOfUid({ findStudiesByUid: () => [...left, ...right] }, '1.2.3')).toEqual(right);
  expect(studiesOfUid({ findStudiesByUid: () => left }, '1.2.3')).toEqual(left);
  expect(studiesOfUid(index, 'no UID')).toEqual([]);
});
