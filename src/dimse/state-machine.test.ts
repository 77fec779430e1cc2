import { describe, expect, test } from 'vitest';

import { ACTIONS, AE_6_NOT_ACCEPTABLE, TRANSITIONS, transition } from './state-machine.ts';
import type { UpperLayerEvent, UpperLayerState } from './state-machine.ts';

/**
 * Table 9-10 as it is printed: a row per event, a column per state, each cell the action and the state that Tables 9-6
 * to 9-9 put behind it. Typed from the standard, not from the code.
 */
const STATES: readonly UpperLayerState[] = [
  'Sta1',
  'Sta2',
  'Sta3',
  'Sta6',
  'Sta7',
  'Sta8',
  'Sta10',
  'Sta12',
  'Sta13',
];
const PRINTED = `
        Sta1      Sta2       Sta3       Sta6       Sta7        Sta8       Sta10       Sta12      Sta13
Evt3    -         AA-1>13    AA-8>13    AA-8>13    AA-8>13     AA-8>13    AA-8>13     AA-8>13    AA-6>13
Evt4    -         AA-1>13    AA-8>13    AA-8>13    AA-8>13     AA-8>13    AA-8>13     AA-8>13    AA-6>13
Evt5    AE-5>2    -          -          -          -           -          -           -          -
Evt6    -         AE-6>3     AA-8>13    AA-8>13    AA-8>13     AA-8>13    AA-8>13     AA-8>13    AA-7>13
Evt7    -         -          AE-7>6     -          -           -          -           -          -
Evt8    -         -          AE-8>13    -          -           -          -           -          -
Evt9    -         -          -          DT-1>6     -           AR-7>8     -           -          -
Evt10   -         AA-1>13    AA-8>13    DT-2>6     AR-6>7      AA-8>13    AA-8>13     AA-8>13    AA-6>13
Evt11   -         -          -          AR-1>7     -           -          -           -          -
Evt12   -         AA-1>13    AA-8>13    AR-2>8     AR-8>10     AA-8>13    AA-8>13     AA-8>13    AA-6>13
Evt13   -         AA-1>13    AA-8>13    AA-8>13    AR-3>1      AA-8>13    AR-10>12    AA-8>13    AA-6>13
Evt14   -         -          -          -          -           AR-4>13    -           AR-4>13    -
Evt15   -         -          AA-1>13    AA-1>13    AA-1>13     AA-1>13    AA-1>13     AA-1>13    -
Evt16   -         AA-2>1     AA-3>1     AA-3>1     AA-3>1      AA-3>1     AA-3>1      AA-3>1     AA-2>1
Evt17   -         AA-5>1     AA-4>1     AA-4>1     AA-4>1      AA-4>1     AA-4>1      AA-4>1     AR-5>1
Evt18   -         AA-2>1     -          -          -           -          -           -          AA-2>1
Evt19   -         AA-1>13    AA-8>13    AA-8>13    AA-8>13     AA-8>13    AA-8>13     AA-8>13    AA-7>13
`;

const rows = PRINTED.trim()
  .split('\n')
  .slice(1)
  .map((line) => line.trim().split(/\s+/));
const cells = rows.flatMap(([event = '', ...entries]) =>
  entries.map((entry, index) => ({ event: event as UpperLayerEvent, state: STATES[index] ?? 'Sta1', entry })),
);

describe('PS3.8 Table 9-10, acceptor', () => {
  test('the printed table is whole', () => {
    expect(rows.map((row) => row.length)).toEqual(rows.map(() => STATES.length + 1));
    expect(rows).toHaveLength(17);
  });

  test.each(cells)('$state + $event: $entry', ({ event, state, entry }) => {
    const taken = transition(state, event);
    const found = taken === undefined ? '-' : `${taken.action}>${taken.next.slice('Sta'.length)}`;
    expect(found).toBe(entry);
  });

  test('there is no transition beyond the printed ones', () => {
    const count = Object.values(TRANSITIONS).reduce((sum, row) => sum + Object.keys(row).length, 0);
    expect(count).toBe(cells.filter(({ entry }) => entry !== '-').length);
  });
});

describe('actions', () => {
  test('ARTIM runs exactly in the states that wait for the peer to begin or to close', () => {
    const starting = Object.entries(ACTIONS)
      .filter(([, { effects }]) => effects.includes('start-artim'))
      .map(([action]) => action);
    expect(starting).toEqual(['AE-5', 'AE-8', 'AR-4', 'AA-1', 'AA-8']);
    for (const action of starting) {
      expect(['Sta2', 'Sta13']).toContain(ACTIONS[action as keyof typeof ACTIONS].next);
    }
  });

  test('only AA-8 and AA-7 abort as service-provider or for what is left open; AA-1 is the service-user', () => {
    expect(ACTIONS['AA-1'].effects).toContain('send-abort-as-service-user');
    expect(ACTIONS['AA-7'].effects).toEqual(['send-abort']);
    expect(ACTIONS['AA-8'].effects).toContain('send-abort-as-service-provider');
  });

  test('AE-6 on a request that the service-provider refuses rejects it and waits for the close', () => {
    expect(transition('Sta2', 'Evt6', false)).toEqual({ action: 'AE-6', ...AE_6_NOT_ACCEPTABLE });
    expect(AE_6_NOT_ACCEPTABLE).toEqual({
      effects: ['stop-artim', 'send-associate-rj', 'start-artim'],
      next: 'Sta13',
    });
  });
});
