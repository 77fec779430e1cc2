import { describe, expect, it } from 'vitest';
import { findRouteOverlaps } from './route-overlaps.ts';
import type { RouteRule } from './route.ts';

const city = (change: Partial<RouteRule> = {}): RouteRule => ({
  calledAe: 'SCANS',
  customer: 'city',
  ...change,
});
const north = (change: Partial<RouteRule> = {}): RouteRule => city({ customer: 'north', ...change });

describe('overlaps of routes', () => {
  it('are found where a sender fits two customers, with the rule that decides', () => {
    const rules = [city({ from: ['10.20.0.0/16'] }), north({ callingAe: ['CT1', 'MR1'] })];
    expect(findRouteOverlaps(rules)).toEqual([
      { routes: [0, 1], sender: { callingAe: 'CT1', from: '10.20.0.0/16' }, winner: 1 },
    ]);
  });

  it.each<[string, readonly RouteRule[]]>([
    ['a special case of a wider rule', [city(), north({ callingAe: ['CT1'] })]],
    ['a smaller block in a larger one', [city({ from: ['10.0.0.0/8'] }), north({ from: ['10.20.0.0/16'] })]],
    ['other called titles', [city({ from: ['10.0.0.0/8'] }), north({ calledAe: 'X', callingAe: ['CT1'] })]],
    ['other calling titles', [city({ callingAe: ['CT2'] }), north({ callingAe: ['CT1'] })]],
    [
      'other addresses',
      [city({ from: ['10.1.0.0/16'] }), north({ from: ['10.2.0.0/16'], callingAe: ['CT1'] })],
    ],
    ['one customer', [city({ from: ['10.0.0.0/8'] }), city({ callingAe: ['CT1'] })]],
  ])('are not: %s', (_what, rules) => {
    expect(findRouteOverlaps(rules)).toEqual([]);
  });

  it('are seen through lists that share a part', () => {
    const rules = [
      city({ callingAe: ['CT1', 'CT2'], from: ['10.1.0.0/16', '10.2.0.0/16'] }),
      north({ callingAe: ['CT2', 'CT3'], from: ['10.2.3.0/24'] }),
    ];
    expect(findRouteOverlaps(rules)).toMatchObject([
      { sender: { callingAe: 'CT2', from: '10.2.3.0/24' }, winner: 1 },
    ]);
  });
});
