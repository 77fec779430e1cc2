import { describe, expect, it } from 'vitest';

import { storedInstance } from '../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../test/support/temporary-index.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import { customerKey } from '../core/study/instance.ts';
import type { StudyQuery } from '../core/study/study.ts';
import { uid } from '../dicom/uid.ts';

const city = customerKey('city-medical');
/** More than are gathered and sorted: the list goes another way from here on. */
const MANY = 5200;

async function fill(index: StudyIndex, count: number): Promise<void> {
  const added: Promise<void>[] = [];
  for (let at = 1; at <= count; at += 1)
    added.push(
      index.addInstance(
        storedInstance({
          study: `1.2.${at}`,
          sop: `1.2.3.${at}`,
          receivedAt: at,
          studyAttributes: { PatientName: at % 2 === 0 ? 'Even^Eve' : 'Odd^Otto', PatientID: `P${at}` },
        }),
      ),
    );
  await Promise.all(added);
}

/** The UIDs' last numbers, over all pages. */
function numbers(index: StudyIndex, query: Omit<StudyQuery, 'limit'>, pages = 3): number[] {
  const found: number[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < pages; page += 1) {
    const answer = index.listStudies({ ...query, limit: 4, ...(cursor !== undefined && { cursor }) });
    found.push(...answer.studies.map(({ key }) => Number(key.studyInstanceUid.split('.')[2])));
    ({ cursor } = answer);
    if (cursor === undefined) break;
  }
  return found;
}

describe('lists of studies', () => {
  it('are the same whether little or much fits: newest first, each once, page after page', async () => {
    for (const count of [12, MANY * 2]) {
      const { index } = temporaryIndex();
      await fill(index, count);
      const even = count;
      expect(numbers(index, { text: 'even' })).toEqual(
        Array.from({ length: Math.min(12, count / 2) }, (_, at) => even - 2 * at),
      );
      expect(numbers(index, { text: 'EVEN', customers: [city] }, 1)).toEqual([
        even,
        even - 2,
        even - 4,
        even - 6,
      ]);
      expect(numbers(index, { text: '1.2' }, 1)).toEqual([even, even - 1, even - 2, even - 3]);
      expect(numbers(index, { text: `1.2.${even - 1}` }, 1)).toEqual([even - 1]);
      expect(numbers(index, { text: 'even', customers: [customerKey('north-clinic')] })).toEqual([]);
      expect(numbers(index, { text: 'nobody' })).toEqual([]);
    }
  }, 60_000);

  it('find by delivery what few studies have, also what is shown as created and stored as pending', async () => {
    const { index, outbox } = temporaryIndex();
    await fill(index, 6);
    for (let at = 1; at <= 6; at += 1)
      await index.settle({ customer: city, studyInstanceUid: uid(`1.2.${at}`) }, 100, ['viewer'], 100);
    await outbox.needAttention(2, 'refused');
    await outbox.complete(3, { avaraStudyId: 'stu_3' }, 200);
    await outbox.complete(4, { avaraStudyId: 'stu_4' }, 200);
    await outbox.wish({ customer: city, studyInstanceUid: uid('1.2.4') }, undefined, 'cancel', 300);
    expect(numbers(index, { delivery: 'attention' })).toEqual([2]);
    expect(numbers(index, { delivery: 'created' })).toEqual([4, 3]);
    expect(numbers(index, { delivery: 'pending', customers: [city] })).toEqual([6, 5, 1]);
    expect(numbers(index, { delivery: 'pending', text: 'even' })).toEqual([6]);
  });
});
