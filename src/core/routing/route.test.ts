import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RouteRequest, RouteRule } from './route.ts';
import { createRouter, MAX_NEAR_MISSES } from './route.ts';

const ANY: RouteRule = { calledAe: 'SITE', customer: 'any' };
const BY_AE: RouteRule = { calledAe: 'SITE', callingAe: ['CT1', 'MR1'], customer: 'by-ae' };
const BY_BLOCK: RouteRule = { calledAe: 'SITE', from: ['10.20.0.0/16'], customer: 'by-block' };
const BY_SMALL_BLOCK: RouteRule = { calledAe: 'SITE', from: ['10.20.5.0/24'], customer: 'by-small-block' };
const BY_BOTH: RouteRule = {
  calledAe: 'SITE',
  callingAe: ['CT1'],
  from: ['10.0.0.0/8'],
  customer: 'by-both',
};

function request(change: Partial<RouteRequest> = {}): RouteRequest {
  return { calledAeTitle: 'SITE', callingAeTitle: 'CT1', peerAddress: '10.20.5.9', ...change };
}

function customerOf(rules: readonly RouteRule[], change: Partial<RouteRequest> = {}): string {
  const decision = createRouter(rules).decide(request(change));
  return decision.kind === 'admitted' ? decision.customer : decision.reason;
}

describe('the most specific rule wins, in whatever order they stand', () => {
  const cases: [what: string, winner: RouteRule, loser: RouteRule][] = [
    ['calling AE title over none', BY_AE, ANY],
    ['address over none', BY_BLOCK, ANY],
    ['smaller block over larger', BY_SMALL_BLOCK, BY_BLOCK],
    ['both narrowings over the calling AE title', BY_BOTH, BY_AE],
    ['both narrowings over a smaller block', BY_BOTH, BY_SMALL_BLOCK],
    ['calling AE title over address', BY_AE, BY_SMALL_BLOCK],
  ];
  it.each(cases)('%s', (_what, winner, loser) => {
    expect(customerOf([winner, loser])).toBe(winner.customer);
    expect(customerOf([loser, winner])).toBe(winner.customer);
  });

  it('the smallest block of a rule that holds the peer counts', () => {
    const wide = { ...ANY, from: ['10.20.5.9', '192.168.0.0/16'], customer: 'exact' };
    expect(customerOf([BY_SMALL_BLOCK, wide])).toBe('exact');
    expect(customerOf([BY_SMALL_BLOCK, wide], { peerAddress: '10.20.5.8' })).toBe('by-small-block');
  });

  it('equals are decided by their place in the file', () => {
    expect(customerOf([BY_AE, { ...BY_AE, customer: 'second' }])).toBe('by-ae');
  });

  it('says what matched and what it won over', () => {
    expect(createRouter([ANY, BY_BOTH]).decide(request())).toEqual({
      kind: 'admitted',
      customer: 'by-both',
      route: 1,
      why: 'routes[1]: called AE title SITE, calling AE title is listed, address is in 10.0.0.0/8; more specific than routes[0]',
    });
  });
});

describe('addresses', () => {
  const only = (from: string): RouteRule[] => [{ ...ANY, from: [from], customer: 'in' }];
  it.each([
    ['10.20.0.0/16', '::ffff:10.20.1.1', 'in'],
    ['10.20.0.0/16', '::FFFF:0a14:0101', 'in'],
    ['10.20.0.0/16', '10.21.0.1', 'no-reason-given'],
    ['::ffff:10.20.0.0/112', '10.20.1.1', 'in'],
    ['10.20.1.1', '10.20.1.1', 'in'],
    ['10.20.1.1', '10.20.1.2', 'no-reason-given'],
    ['fd00:1::/32', 'fd00:1:2::3', 'in'],
    ['fd00:1::/32', 'FD00:0001:0002:0000::0003', 'in'],
    ['fd00:1::/32', 'fd00:2::1', 'no-reason-given'],
    ['fe80::/10', 'fe80::1%eth0', 'in'],
    ['::/0', '10.0.0.1', 'no-reason-given'],
    ['0.0.0.0/0', 'fd00::1', 'no-reason-given'],
    ['0.0.0.0/0', 'not an address', 'no-reason-given'],
  ])('%s and a peer at %s: %s', (from, peerAddress, outcome) => {
    expect(customerOf(only(from), { peerAddress })).toBe(outcome);
  });

  it('an unknown address matches only rules without one', () => {
    expect(customerOf([BY_BLOCK, ANY], { peerAddress: undefined })).toBe('any');
  });
});

describe('AE titles', () => {
  it('compare without padding', () => {
    expect(customerOf([BY_AE], { calledAeTitle: 'SITE            ', callingAeTitle: ' CT1 ' })).toBe('by-ae');
  });

  it('compare with case', () => {
    expect(customerOf([BY_AE], { calledAeTitle: 'site' })).toBe('called-ae-title-not-recognized');
    expect(customerOf([BY_AE], { callingAeTitle: 'ct1' })).toBe('calling-ae-title-not-recognized');
  });

  it('that are no AE titles match nothing', () => {
    expect(customerOf([ANY], { calledAeTitle: '' })).toBe('called-ae-title-not-recognized');
    expect(customerOf([BY_AE], { callingAeTitle: 'A\\B' })).toBe('calling-ae-title-not-recognized');
  });
});

describe('a sender without a route', () => {
  it('is rejected for its called AE title first', () => {
    const decision = createRouter([BY_BOTH]).decide(request({ calledAeTitle: 'Site', callingAeTitle: 'XX' }));
    expect(decision).toMatchObject({
      kind: 'rejected',
      reason: 'called-ae-title-not-recognized',
      nearMisses: ['routes[0]: called AE title "Site" is not SITE (upper and lower case differ)'],
    });
  });

  it('is rejected for its calling AE title where the called one is known', () => {
    const decision = createRouter([BY_BOTH]).decide(
      request({ callingAeTitle: 'US1', peerAddress: '1.2.3.4' }),
    );
    expect(decision).toMatchObject({
      reason: 'calling-ae-title-not-recognized',
      explanation: 'no route for the called AE title "SITE" admits the calling AE title "US1" from 1.2.3.4',
    });
  });

  it('is rejected without a reason where only its address is wrong, and the explanation names the address', () => {
    const decision = createRouter([BY_BOTH]).decide(request({ peerAddress: '192.168.1.1' }));
    expect(decision).toMatchObject({
      reason: 'no-reason-given',
      explanation: 'the AE titles "SITE" and "CT1" are known, but not from address 192.168.1.1',
      nearMisses: ['routes[0]: address 192.168.1.1 is not in 10.0.0.0/8'],
    });
  });

  it('is rejected for its calling AE title where another one would be admitted from its address', () => {
    const rules = [{ ...BY_AE, from: ['127.0.0.1'] }, BY_BLOCK];
    const decision = createRouter(rules).decide(request({ callingAeTitle: 'XX', peerAddress: '127.0.0.1' }));
    expect(decision).toMatchObject({ reason: 'calling-ae-title-not-recognized' });
  });

  it('is not blamed for a calling AE title that is listed', () => {
    const rules = [BY_BOTH, { ...ANY, callingAe: ['MR1'] }];
    expect(customerOf(rules, { peerAddress: '192.168.1.1' })).toBe('no-reason-given');
  });

  it('is rejected by an empty table', () => {
    expect(customerOf([])).toBe('called-ae-title-not-recognized');
  });

  it('gets few near misses, those that differ in case first', () => {
    const rules = [...Array.from({ length: 9 }, () => ({ ...ANY, calledAe: 'OTHER' })), ANY];
    const decision = createRouter(rules).decide(request({ calledAeTitle: 'site' }));
    const misses = decision.kind === 'rejected' ? decision.nearMisses : [];
    expect(misses).toHaveLength(MAX_NEAR_MISSES);
    expect(misses[0]).toMatch(/^routes\[9\]/);
  });
});

describe('explain', () => {
  it('tells how every rule fared and which decides', () => {
    const rows = createRouter([ANY, BY_AE, BY_BLOCK]).explain(request({ callingAeTitle: 'US1' }));
    expect(rows.map(({ route, isMatch, isChosen }) => [route, isMatch, isChosen])).toEqual([
      [0, true, false],
      [1, false, false],
      [2, true, true],
    ]);
    expect(rows[1]?.why).toBe('calling AE title "US1" is not CT1 or MR1');
  });

  it('agrees with the decision for any request', () => {
    const rules = [ANY, BY_AE, BY_BLOCK, BY_SMALL_BLOCK, BY_BOTH].map((rule, index) => ({
      ...rule,
      ...(index === 0 ? { calledAe: 'OTHER' } : {}),
    }));
    const router = createRouter(rules);
    fc.assert(
      fc.property(
        fc.constantFrom('SITE', 'OTHER', 'site', ''),
        fc.constantFrom('CT1', 'MR1', 'US1', '\\'),
        fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('10.20.5.1', '10.20.9.9', '10.1.1.1', '')),
        (calledAeTitle, callingAeTitle, peerAddress) => {
          const sender = { calledAeTitle, callingAeTitle, peerAddress };
          const decision = router.decide(sender);
          const chosen = router.explain(sender).filter((row) => row.isChosen);
          expect(chosen.map((row) => row.route)).toEqual(
            decision.kind === 'admitted' ? [decision.route] : [],
          );
        },
      ),
    );
  });
});

it('refuses rules that no configuration check lets through', () => {
  expect(() => createRouter([{ ...ANY, from: ['10.0.0.0/40'] }])).toThrow(RangeError);
  expect(() => createRouter([{ ...ANY, from: ['10.1'] }])).toThrow(RangeError);
  expect(() => createRouter([{ ...ANY, customer: '../up' }])).toThrow(RangeError);
  expect(() => createRouter([{ ...ANY, calledAe: '' }])).toThrow(RangeError);
});
