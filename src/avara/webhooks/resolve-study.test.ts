import { describe, expect, it, vi } from 'vitest';
import { studyRecord } from '../../../test/support/study-records.ts';
import { customerKey } from '../../core/study/instance.ts';
import type { StudyRecord } from '../../core/study/study.ts';
import type { RetrievedStudy } from '../account/account.ts';
import type { AvaraCustomer } from '../customers.ts';
import { createStudyResolver } from './resolve-study.ts';

const idOf = (name: string) => `cus_${name}`;
const customers = new Map(
  ['city', 'port'].map((name) => [
    customerKey(name),
    {
      expressCustomerId: idOf(name),
      products: ['viewer'],
      severity: 'normal',
      avara: { baseUrl: 'https://avara.example', apiKey: 'k' },
    } satisfies AvaraCustomer,
  ]),
);
const signers = new Set(customers.keys());
const asked = { studyId: 'stu_9', studyInstanceUid: '1.2.3' };
const PENDING = [{ product: 'viewer', state: 'pending', attempts: 1 }] as const;
const CREATED = [{ product: 'viewer', state: 'created', attempts: 1, studyId: 'stu_1' }] as const;
const found = (customer: string, uid = '1.2.3'): RetrievedStudy => ({
  kind: 'found',
  studyInstanceUid: uid,
  expressCustomerId: idOf(customer),
  product: 'viewer',
});

function resolve(byUid: readonly StudyRecord[], said: RetrievedStudy, byAvaraId?: StudyRecord) {
  const retrieve = vi.fn(() => Promise.resolve(said));
  const resolver = createStudyResolver({
    index: {
      findStudiesByUid: () => byUid,
      findStudyByAvaraId: () =>
        byAvaraId === undefined ? undefined : { study: byAvaraId, product: 'viewer' },
    },
    account: { retrieve },
    customers,
  });
  return { decided: resolver(asked, signers), retrieve };
}

const city = studyRecord({ customer: 'city', deliveries: PENDING });
const port = studyRecord({ customer: 'port', deliveries: PENDING });

describe('a study that only its UID points to', () => {
  it('is opened without asking where it is known to be at Avara under its customer', async () => {
    const settled = studyRecord({ customer: 'city', deliveries: CREATED });
    const { decided, retrieve } = resolve([settled], { kind: 'missing' });
    expect(await decided).toMatchObject({ isGranted: true, study: settled });
    expect(retrieve).not.toHaveBeenCalled();
  });

  it('is opened while its delivery is pending once Avara says that it is this customer’s', async () => {
    expect(await resolve([city], found('city')).decided).toMatchObject({ isGranted: true, study: city });
  });

  it.each<[string, RetrievedStudy]>([
    ['foreign-customer', found('port')],
    ['foreign-customer', found('elsewhere')],
    ['foreign-customer', { kind: 'found', studyInstanceUid: '1.2.3', product: 'viewer' }],
    ['uid-mismatch', found('city', '1.2.4')],
    ['unknown-study', { kind: 'missing' }],
    ['unconfirmed', { kind: 'unreachable', message: 'down' }],
  ])('is refused (%s) where Avara says %o', async (reason, said) => {
    expect(await resolve([city], said).decided).toMatchObject({ isGranted: false, reason });
  });

  it('of two customers is that of the one whose it is at Avara', async () => {
    expect(await resolve([city, port], found('port')).decided).toMatchObject({
      isGranted: true,
      study: port,
    });
    expect(await resolve([city, port], { kind: 'missing' }).decided).toMatchObject({
      reason: 'ambiguous-uid',
    });
  });
});

it('needs no confirmation where Avara’s own id is known', async () => {
  const { decided, retrieve } = resolve([city], { kind: 'missing' }, city);
  expect(await decided).toMatchObject({ isGranted: true, matchedBy: 'avara-id' });
  expect(retrieve).not.toHaveBeenCalled();
});
