import { describe, expect, it } from 'vitest';
import { studyRecord } from '../../../test/support/study-records.ts';
import { customerKey } from '../study/instance.ts';
import { decideStudyAccess } from './study-access.ts';
import type { StudyAccessQuestion } from './study-access.ts';

const city = studyRecord({ customer: 'city', study: '1.2.3' });
const port = studyRecord({ customer: 'port', study: '1.2.3' });
const both = new Set([customerKey('city'), customerKey('port')]);
const onlyCity = new Set([customerKey('city')]);
const onlyPort = new Set([customerKey('port')]);

function decide(question: Partial<StudyAccessQuestion>) {
  return decideStudyAccess({
    studyInstanceUid: '1.2.3',
    byAvaraId: undefined,
    byUid: [],
    customers: both,
    ...question,
  });
}

describe('decideStudyAccess', () => {
  it('opens the study that Avara’s id stands for, even where another customer has the UID too', () => {
    expect(decide({ byAvaraId: port, byUid: [city, port] })).toEqual({
      isGranted: true,
      study: port,
      matchedBy: 'avara-id',
    });
  });

  it('opens the only study with the UID that the signer may see', () => {
    const granted = { isGranted: true, matchedBy: 'study-instance-uid' };
    expect(decide({ byUid: [city] })).toMatchObject({ ...granted, study: city });
    expect(decide({ byUid: [city, port], customers: onlyPort })).toMatchObject({ ...granted, study: port });
  });

  it.each<[string, Partial<StudyAccessQuestion>]>([
    ['unknown-study', {}],
    ['uid-mismatch', { byAvaraId: city, studyInstanceUid: '1.2.4' }],
    ['uid-mismatch', { byAvaraId: city, studyInstanceUid: '1.2.4', byUid: [port] }],
    ['foreign-customer', { byAvaraId: city, customers: onlyPort }],
    ['foreign-customer', { byAvaraId: city, byUid: [city, port], customers: onlyPort }],
    ['foreign-customer', { byUid: [city], customers: onlyPort }],
    ['foreign-customer', { byUid: [city], customers: new Set() }],
    ['ambiguous-uid', { byUid: [city, port] }],
    ['no-instances', { byUid: [studyRecord({ customer: 'city', instances: 0 })], customers: onlyCity }],
    ['no-instances', { byAvaraId: studyRecord({ customer: 'city', instances: 0 }) }],
  ])('refuses: %s (%#)', (reason, question) => {
    expect(decide(question)).toMatchObject({ isGranted: false, reason });
  });

  it('does not open by UID what may be another customer’s at Avara', () => {
    const deliveries = [{ product: 'viewer', state: 'attention', attempts: 1 }] as const;
    const disputed = studyRecord({ customer: 'city', deliveries });
    expect(decide({ byUid: [disputed] })).toMatchObject({ reason: 'delivery-needs-attention' });
    expect(decide({ byAvaraId: disputed })).toMatchObject({ isGranted: true });
  });
});
