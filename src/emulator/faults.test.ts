import { describe, expect, it } from 'vitest';
import { createFaultInjector } from './faults.ts';

const create = { method: 'POST', path: '/v1/viewer/studies', product: 'viewer' } as const;
const list = { method: 'GET', path: '/v1/viewer/studies', product: 'viewer' } as const;

describe('createFaultInjector', () => {
  it('strikes matching requests as often as told, after those to skip', () => {
    const faults = createFaultInjector({ seed: 1 });
    faults.add({ match: { method: 'post' }, skip: 1, times: 2, fault: { type: 'reply-lost' } });
    const struck = [create, list, create, create, create].map(
      (request) => faults.strike(request).fault?.type,
    );
    expect(struck).toEqual([undefined, undefined, 'reply-lost', 'reply-lost', undefined]);
    expect(faults.list()).toMatchObject([{ matched: 4, struck: 2 }]);
  });

  it('matches by path and product', () => {
    const faults = createFaultInjector({ seed: 1 });
    faults.add({ match: { path: '/by-uid/', product: 'autoScribe' }, fault: { type: 'hang' } });
    const path = '/v1/autoScribe/studies/by-uid/1.2';
    expect(faults.strike({ method: 'GET', path, product: 'autoScribe' }).fault).toBeDefined();
    expect(faults.strike({ method: 'GET', path, product: 'viewer' }).fault).toBeUndefined();
    expect(faults.strike({ ...list, product: 'autoScribe' }).fault).toBeUndefined();
  });

  it('draws the same chances for the same seed', () => {
    const draw = (seed: number) => {
      const faults = createFaultInjector({ seed });
      faults.add({ probability: 0.5, fault: { type: 'status', status: 503 } });
      return Array.from({ length: 200 }, () => faults.strike(create).fault !== undefined);
    };
    const first = draw(7);
    expect(draw(7)).toEqual(first);
    expect(draw(8)).not.toEqual(first);
    const share = first.filter(Boolean).length;
    expect(share).toBeGreaterThan(70);
    expect(share).toBeLessThan(130);
  });

  it('adds latencies up, lets the first other fault win and saves the second for the next request', () => {
    const faults = createFaultInjector({ seed: 1 });
    faults.add({ fault: { type: 'latency', ms: 10 } });
    faults.add({ times: 1, fault: { type: 'status', status: 500 } });
    faults.add({ times: 1, fault: { type: 'status', status: 429 } });
    faults.add({ fault: { type: 'latency', ms: 5 } });
    expect(faults.strike(create)).toMatchObject({ latencyMs: 15, fault: { status: 500 } });
    expect(faults.strike(create)).toMatchObject({ latencyMs: 15, fault: { status: 429 } });
    expect(faults.strike(create)).toEqual({ latencyMs: 15, fault: undefined });
  });

  it('refuses rules out of form', () => {
    const faults = createFaultInjector({ seed: 1 });
    expect(() => faults.add({ fault: { type: 'status', status: 200 } })).toThrow();
    expect(() => faults.add({ match: { path: '(' }, fault: { type: 'hang' } })).toThrow();
    expect(() => faults.add({ probability: 2, fault: { type: 'hang' } })).toThrow();
  });

  it('forgets removed rules', () => {
    const faults = createFaultInjector({ seed: 1 });
    const id = faults.add({ fault: { type: 'hang' } });
    expect(faults.remove(id)).toBe(true);
    expect(faults.remove(id)).toBe(false);
    expect(faults.strike(create).fault).toBeUndefined();
  });
});
