import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { customerKey } from '../study/instance.ts';
import { createRouter } from './route.ts';
import type { RouteRule } from './route.ts';
import { MAX_SUGGESTIONS, suggestRoutes } from './suggest-routes.ts';

const city = customerKey('city-medical');
const north = customerKey('north-clinic');
const request = { calledAeTitle: 'CITYMED', callingAeTitle: 'CT9', peerAddress: '10.20.0.9' };

describe('routes suggested for a refused sender', () => {
  it('first add it to the entry of its called AE title, keeping what that has', () => {
    const rules: RouteRule[] = [
      { calledAe: 'NORTHCLN', customer: north },
      { calledAe: 'CITYMED', callingAe: ['CT1', 'MR1'], from: ['10.20.0.0/16'], customer: city },
    ];
    const [first, second] = suggestRoutes(rules, [north, city], request);
    expect(first).toEqual({
      customer: city,
      kind: 'replace',
      route: 1,
      entry: {
        calledAe: 'CITYMED',
        callingAe: ['CT1', 'MR1', 'CT9'],
        from: ['10.20.0.0/16'],
        customer: city,
      },
    });
    expect(second).toEqual({
      customer: city,
      kind: 'add',
      entry: { calledAe: 'CITYMED', callingAe: ['CT9'], from: ['10.20.0.9'], customer: city },
    });
  });

  it('add the address where only that is strange', () => {
    const rules: RouteRule[] = [
      { calledAe: 'CITYMED', callingAe: ['CT9'], from: ['10.30.0.0/16'], customer: city },
    ];
    expect(suggestRoutes(rules, [city], request)[0]?.entry).toEqual({
      calledAe: 'CITYMED',
      callingAe: ['CT9'],
      from: ['10.30.0.0/16', '10.20.0.9'],
      customer: city,
    });
  });

  it('offer each customer, the one whose AE title differs in case first, where the called AE title is unknown', () => {
    const rules: RouteRule[] = [
      { calledAe: 'NORTHCLN', customer: north },
      { calledAe: 'CityMed', customer: city },
    ];
    const suggestions = suggestRoutes(rules, [north, city], request);
    expect(suggestions.map(({ kind, customer }) => [kind, customer])).toEqual([
      ['add', city],
      ['add', north],
    ]);
  });

  it('are none for what no configuration can admit, and for who is admitted', () => {
    expect(suggestRoutes([], [city], { ...request, callingAeTitle: '' })).toEqual([]);
    expect(suggestRoutes([], [city], { ...request, calledAeTitle: 'A\\B' })).toEqual([]);
    expect(suggestRoutes([{ calledAe: 'CITYMED', customer: city }], [city], request)).toEqual([]);
  });

  it('admit that sender to that customer, each and whatever the configuration; strangers stay out', () => {
    const title = fc.constantFrom('CITYMED', 'citymed', 'NORTHCLN', 'CT9', 'MR1');
    const range = fc.constantFrom('10.20.0.0/16', '10.20.0.9', '192.168.0.0/24', 'fd00::/8');
    const rule = fc.record(
      {
        calledAe: title,
        callingAe: fc.array(title, { minLength: 1 }),
        from: fc.array(range, { minLength: 1 }),
        customer: fc.constantFrom(city, north),
      },
      { requiredKeys: ['calledAe', 'customer'] },
    );
    const sender = fc.record({
      calledAeTitle: title,
      callingAeTitle: title,
      peerAddress: fc.constantFrom('10.20.0.9', '172.16.1.1', '::1'),
    });
    const stranger = { calledAeTitle: 'CITYMED', callingAeTitle: 'STRANGER', peerAddress: '203.0.113.5' };
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 4 }), sender, (rules, asked) => {
        const suggestions = suggestRoutes(rules, [city, north], asked);
        expect(suggestions.length).toBeLessThanOrEqual(MAX_SUGGESTIONS);
        const isAdmitted = createRouter(rules).decide(asked).kind === 'admitted';
        expect(suggestions.length > 0).toBe(!isAdmitted);
        for (const { kind, route, entry, customer } of suggestions) {
          const next =
            kind === 'add' ? [...rules, entry] : rules.map((one, at) => (at === route ? entry : one));
          expect(createRouter(next).decide(asked)).toMatchObject({ kind: 'admitted', customer });
          expect(createRouter(next).decide(stranger).kind).toBe(createRouter(rules).decide(stranger).kind);
        }
      }),
    );
  });
});
