import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { uid } from '../../dicom/uid.ts';
import type { RetentionFacts } from '../ports/removals.ts';
import { customerKey } from '../study/instance.ts';
import { protectionsOf } from './protections.ts';
import { RetentionPlan } from './retention-plan.ts';
import type { RetentionRules } from './rules.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const CITY = customerKey('city');
const NORTH = customerKey('north');

const facts = (fields: Partial<RetentionFacts> = {}): RetentionFacts => ({
  key: { customer: CITY, studyInstanceUid: uid('1.2.3') },
  state: 'stable',
  instances: 10,
  bytes: 1000,
  lastReceivedAt: NOW - 100 * DAY,
  deliveries: [{ product: 'viewer', state: 'created', isAtAvara: true, confirmedAt: NOW - 100 * DAY }],
  conflicts: 0,
  undeliveredReports: 0,
  isInOpenSession: false,
  hasUnverifiedCommitment: false,
  ...fields,
});
const rules = (fields: Partial<RetentionRules> = {}): RetentionRules => ({
  customers: new Map([
    [CITY, { products: ['viewer'], isExempt: false }],
    [NORTH, { products: ['viewer', 'autoScribe'], isExempt: false }],
  ]),
  minimumAgeMs: DAY,
  committedMs: 365 * DAY,
  ...fields,
});
const withCity = (own: object): RetentionRules =>
  rules({ customers: new Map([[CITY, { products: ['viewer'], isExempt: false, ...own }]]) });
const judge = (of: RetentionFacts, by: RetentionRules, freeBytes = 1e12) =>
  new RetentionPlan(by, { usage: new Map([[CITY, 5000]]), freeBytes }, NOW).judge(of);

const aDelivery = fc.record({
  product: fc.constantFrom('viewer' as const, 'autoScribe' as const),
  state: fc.constantFrom('pending' as const, 'created' as const, 'attention' as const),
  isAtAvara: fc.boolean(),
  confirmedAt: fc.integer({ min: NOW - 400 * DAY, max: NOW }),
});
const aStudy: fc.Arbitrary<RetentionFacts> = fc
  .record(
    {
      customer: fc.constantFrom(CITY, NORTH, customerKey('gone')),
      state: fc.constantFrom('receiving' as const, 'stable' as const, 'stable' as const),
      bytes: fc.integer({ min: 1, max: 10_000 }),
      lastReceivedAt: fc.integer({ min: NOW - 400 * DAY, max: NOW }),
      deliveries: fc.uniqueArray(aDelivery, { maxLength: 2, selector: ({ product }) => product }),
      conflicts: fc.constantFrom(0, 0, 0, 1),
      undeliveredReports: fc.constantFrom(0, 0, 0, 2),
      isInOpenSession: fc.constantFrom(false, false, false, true),
      handedOutUntil: fc.integer({ min: NOW - DAY, max: NOW + DAY }),
      committedAt: fc.integer({ min: NOW - 800 * DAY, max: NOW }),
      hasUnverifiedCommitment: fc.constantFrom(false, false, false, true),
    },
    {
      requiredKeys: [
        'customer',
        'state',
        'bytes',
        'lastReceivedAt',
        'deliveries',
        'conflicts',
        'undeliveredReports',
        'isInOpenSession',
        'hasUnverifiedCommitment',
      ],
    },
  )
  .map(({ customer, ...rest }) => ({
    ...rest,
    // What came after the confirmation made it one to be confirmed again.
    deliveries: rest.deliveries.map((delivery) => ({
      ...delivery,
      confirmedAt: Math.max(delivery.confirmedAt, rest.lastReceivedAt),
    })),
    instances: 1,
    key: { customer, studyInstanceUid: uid('1.2.3') },
  }));
const someRules: fc.Arbitrary<RetentionRules> = fc
  .record({
    age: fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined }),
    confirmed: fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined }),
    own: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
    all: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
    low: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
    isExempt: fc.boolean(),
    minimum: fc.integer({ min: 0, max: 10 }),
  })
  .map(({ age, confirmed, own, all, low, isExempt, minimum }) => ({
    customers: new Map([
      [
        CITY,
        {
          products: ['viewer' as const],
          isExempt: false,
          afterReceivedMs: age === undefined ? undefined : age * DAY,
          afterConfirmedMs: confirmed === undefined ? undefined : confirmed * DAY,
          maxBytes: own,
        },
      ],
      [NORTH, { products: ['viewer' as const, 'autoScribe' as const], isExempt }],
    ]),
    maxBytes: all,
    freeSpace: low === undefined ? undefined : { lowBytes: low, highBytes: low * 2 },
    minimumAgeMs: minimum * DAY,
    committedMs: 365 * DAY,
  }));

describe('under any pressure', () => {
  it('never removes what is not confirmed, growing, in question or promised', () => {
    fc.assert(
      fc.property(
        fc.array(aStudy, { maxLength: 30 }),
        someRules,
        fc.nat(20_000),
        (studies, by, freeBytes) => {
          const usage = new Map([CITY, NORTH].map((customer) => [customer, 50_000]));
          const plan = new RetentionPlan(by, { usage, freeBytes }, NOW);
          const ordered = studies.toSorted((a, b) => a.lastReceivedAt - b.lastReceivedAt);
          for (const study of ordered) {
            if (plan.judge(study).kind !== 'remove') continue;
            const customer = by.customers.get(study.key.customer);
            expect(customer).toBeDefined();
            expect(customer?.isExempt).toBe(false);
            expect(study.state).toBe('stable');
            for (const product of customer?.products ?? [])
              expect(study.deliveries).toContainEqual(
                expect.objectContaining({ product, state: 'created', isAtAvara: true }),
              );
            expect(study.deliveries.every(({ state }) => state === 'created')).toBe(true);
            expect([study.conflicts, study.undeliveredReports]).toEqual([0, 0]);
            expect([study.isInOpenSession, study.hasUnverifiedCommitment]).toEqual([false, false]);
            expect(study.handedOutUntil ?? 0).toBeLessThanOrEqual(NOW);
            expect(study.committedAt ?? 0).toBeLessThanOrEqual(NOW - 365 * DAY);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('removes no more than it must for want of space, and stops looking only where nothing is due', () => {
    fc.assert(
      fc.property(
        fc.array(aStudy, { maxLength: 30 }),
        someRules,
        fc.nat(20_000),
        (studies, by, freeBytes) => {
          const usage = new Map([CITY, NORTH].map((customer) => [customer, 30_000]));
          const plan = new RetentionPlan(by, { usage, freeBytes }, NOW);
          const { freeSpace } = by;
          let wanted = freeSpace && freeBytes < freeSpace.lowBytes ? freeSpace.highBytes - freeBytes : 0;
          for (const study of studies.toSorted((a, b) => a.lastReceivedAt - b.lastReceivedAt)) {
            const isThrough = plan.isThrough(study.lastReceivedAt);
            const verdict = plan.judge(study);
            if (isThrough) expect(verdict.kind).toBe('not-due');
            if (verdict.kind !== 'remove') continue;
            if (verdict.why === 'free-space') expect(wanted).toBeGreaterThan(0);
            if (verdict.why !== 'age')
              expect(NOW - study.lastReceivedAt).toBeGreaterThanOrEqual(by.minimumAgeMs);
            wanted -= study.bytes;
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('what is due', () => {
  it('by age: both periods must have passed where both are set', () => {
    expect(judge(facts(), rules())).toEqual({ kind: 'not-due' });
    expect(judge(facts(), withCity({ afterReceivedMs: 90 * DAY }))).toEqual({ kind: 'remove', why: 'age' });
    expect(judge(facts(), withCity({ afterReceivedMs: 101 * DAY }))).toEqual({ kind: 'not-due' });
    const both = withCity({ afterReceivedMs: 90 * DAY, afterConfirmedMs: 30 * DAY });
    const late = { product: 'viewer', state: 'created', isAtAvara: true, confirmedAt: NOW - DAY } as const;
    expect(judge(facts({ deliveries: [late] }), both)).toEqual({ kind: 'not-due' });
    expect(judge(facts(), both)).toEqual({ kind: 'remove', why: 'age' });
  });

  it('by size: until the customer, or all, take no more than they may', () => {
    const plan = new RetentionPlan(
      withCity({ maxBytes: 3500 }),
      { usage: new Map([[CITY, 5000]]), freeBytes: 0 },
      NOW,
    );
    const verdicts = [1, 2, 3].map(() => plan.judge(facts()).kind);
    expect(verdicts).toEqual(['remove', 'remove', 'not-due']);
    expect(judge(facts(), rules({ maxBytes: 4999 }))).toEqual({ kind: 'remove', why: 'size' });
  });

  it('by free space: from below the low mark until the high mark, and nothing that came today', () => {
    const freeSpace = { lowBytes: 1000, highBytes: 2500 };
    expect(judge(facts(), rules({ freeSpace }), 1000)).toEqual({ kind: 'not-due' });
    const plan = new RetentionPlan(rules({ freeSpace }), { usage: new Map(), freeBytes: 999 }, NOW);
    expect(plan.judge(facts({ lastReceivedAt: NOW - DAY / 2 }))).toEqual({ kind: 'not-due' });
    expect([1, 2, 3].map(() => plan.judge(facts()).kind)).toEqual(['remove', 'remove', 'not-due']);
  });
});

it('every protection is found, and all of them are told', () => {
  const committed = rules({ committedMs: undefined });
  const attention = [{ product: 'viewer', state: 'attention', isAtAvara: false, confirmedAt: 0 }] as const;
  const changing = [{ product: 'viewer', state: 'pending', isAtAvara: true, confirmedAt: 0 }] as const;
  const of = (fields: Partial<RetentionFacts>, by = committed) => protectionsOf(facts(fields), by, NOW);
  expect(of({})).toEqual([]);
  expect(of({ state: 'receiving' })).toEqual(['receiving']);
  expect(of({ deliveries: [] })).toEqual(['not-at-avara']);
  expect(of({ deliveries: attention })).toEqual(['not-at-avara', 'attention']);
  expect(of({ deliveries: changing })).toEqual(['change-pending']);
  expect(of({ key: { customer: NORTH, studyInstanceUid: uid('1.2') } })).toEqual(['not-at-avara']);
  expect(of({ conflicts: 1, undeliveredReports: 1 })).toEqual(['conflict', 'reports']);
  expect(of({ isInOpenSession: true, handedOutUntil: NOW + 1 })).toEqual(['open-session', 'urls-in-use']);
  expect(of({ handedOutUntil: NOW })).toEqual([]);
  expect(of({ committedAt: 0, hasUnverifiedCommitment: true })).toEqual([
    'commitment-unverified',
    'committed',
  ]);
  expect(of({ committedAt: NOW - 365 * DAY }, rules())).toEqual([]);
  expect(of({ key: { customer: customerKey('gone'), studyInstanceUid: uid('1.2') } })).toEqual([
    'customer-not-configured',
  ]);
  expect(of({}, withCity({ isExempt: true }))).toEqual(['exempt']);
});
