import { expect, test } from 'vitest';

import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createIdleTimer } from './idle-timer.ts';
import type { IdleReason } from './idle-timer.ts';

function createSubject() {
  const clock = createFakeClock();
  let isPeersTurn = true;
  let message: number | undefined;
  const reasons: IdleReason[] = [];
  const timer = createIdleTimer({
    clock,
    timeoutMs: 1000,
    minBytesPerSecond: 400,
    isPeersTurn: () => isPeersTurn,
    messageUnderWay: () => message,
    onIdle: (why) => reasons.push(why),
  });
  return {
    clock,
    timer,
    reasons,
    fired: () => reasons.length,
    setPeersTurn: (value: boolean) => (isPeersTurn = value),
    setMessage: (value: number | undefined) => (message = value),
  };
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
    timer.touch(1);
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

test('a byte now and then inside a message is as good as silence', () => {
  const { clock, timer, reasons, setMessage } = createSubject();
  setMessage(1);
  for (let round = 0; round < 20 && reasons.length === 0; round += 1) {
    timer.touch(10);
    clock.advance(100);
  }
  expect(reasons).toEqual(['slow']);
});

test('a slow transfer that keeps the least rate goes on', () => {
  const { clock, timer, fired, setMessage } = createSubject();
  setMessage(1);
  for (let round = 0; round < 100; round += 1) {
    timer.touch(40);
    clock.advance(100);
  }
  expect(fired()).toBe(0);
});

test('small messages one after the other, and a message that has just begun, are no creeping', () => {
  const { clock, timer, fired, setMessage } = createSubject();
  for (let round = 0; round < 100; round += 1) {
    setMessage(round);
    timer.touch(5);
    clock.advance(200);
  }
  setMessage(undefined);
  clock.advance(700);
  setMessage(101);
  timer.touch(5);
  clock.advance(300);
  expect(fired()).toBe(0);
});

test('what a peer does not send while we hold it back is not held against it', () => {
  const { clock, timer, fired, setMessage } = createSubject();
  setMessage(1);
  for (let round = 0; round < 50; round += 1) {
    timer.touch(1);
    timer.excuse();
    clock.advance(250);
  }
  expect(fired()).toBe(0);
});
