import { expect, test } from 'vitest';

import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createIdleTimer } from './idle-timer.ts';

function createSubject() {
  const clock = createFakeClock();
  let isPeersTurn = true;
  let fired = 0;
  const timer = createIdleTimer({
    clock,
    timeoutMs: 1000,
    isPeersTurn: () => isPeersTurn,
    onIdle: () => (fired += 1),
  });
  return { clock, timer, fired: () => fired, setPeersTurn: (value: boolean) => (isPeersTurn = value) };
}

test('fires once, after the timeout', () => {
  const { clock, fired } = createSubject();
  clock.advance(999);
  expect(fired()).toBe(0);
  clock.advance(1);
  expect(fired()).toBe(1);
  clock.advance(10_000);
  expect(fired()).toBe(1);
});

test('anything heard starts it afresh, at most a quarter late', () => {
  const { clock, timer, fired } = createSubject();
  for (let round = 0; round < 10; round += 1) {
    clock.advance(900);
    timer.touch();
  }
  clock.advance(999);
  expect(fired()).toBe(0);
  clock.advance(251);
  expect(fired()).toBe(1);
});

test('our own work is not held against the peer', () => {
  const { clock, fired, setPeersTurn } = createSubject();
  setPeersTurn(false);
  clock.advance(60_000);
  expect(fired()).toBe(0);
  setPeersTurn(true);
  clock.advance(1000);
  expect(fired()).toBe(1);
});

test('once stopped it leaves no timer behind', () => {
  const { clock, timer } = createSubject();
  clock.advance(300);
  timer.stop();
  expect(clock.pending).toBe(0);
});
