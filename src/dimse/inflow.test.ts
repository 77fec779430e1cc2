import { expect, test } from 'vitest';

import { createInflow } from './inflow.ts';

/** An inflow whose feeder takes bytes one by one and blocks at each `!`. */
function createSubject() {
  const read: string[] = [];
  const releases: (() => void)[] = [];
  let isPaused = false;
  let caughtUp = 0;
  const inflow = createInflow({
    socket: {
      pause: () => void (isPaused = true) as never,
      resume: () => void (isPaused = false) as never,
      isPaused: () => isPaused,
    },
    feed(chunk, from) {
      for (let at = from; at < chunk.length; at += 1) {
        const character = String.fromCharCode(chunk[at] ?? 0);
        read.push(character);
        if (character === '!') {
          releases.push(inflow.block());
          return at + 1;
        }
      }
      return chunk.length;
    },
    onCaughtUp: () => (caughtUp += 1),
  });
  return {
    inflow,
    push: (text: string) => inflow.push(Buffer.from(text)),
    read: () => read.join(''),
    release: () => releases.shift()?.(),
    isPaused: () => isPaused,
    caughtUp: () => caughtUp,
  };
}

test('chunks are read in order across blocks', () => {
  const subject = createSubject();
  subject.push('ab!cd!e');
  subject.push('f!g');
  subject.push('h');
  expect(subject.read()).toBe('ab!');
  subject.release();
  expect(subject.read()).toBe('ab!cd!');
  subject.release();
  expect(subject.read()).toBe('ab!cd!ef!');
  subject.release();
  expect(subject.read()).toBe('ab!cd!ef!gh');
  expect(subject.inflow.isCaughtUp()).toBe(true);
});

test('the socket is paused only when something comes in during a block, and resumed behind it', () => {
  const subject = createSubject();
  subject.push('a!');
  expect(subject.isPaused()).toBe(false);
  subject.push('b');
  expect(subject.isPaused()).toBe(true);
  subject.release();
  expect(subject.isPaused()).toBe(false);
  expect(subject.read()).toBe('a!b');
  expect(subject.caughtUp()).toBe(1);
});

test('several blocks have all to be released', () => {
  const subject = createSubject();
  const other = subject.inflow.block();
  subject.push('ab');
  const another = subject.inflow.block();
  other();
  expect(subject.read()).toBe('');
  another();
  expect(subject.read()).toBe('ab');
});

test('once discarding, nothing is read and the socket flows', () => {
  const subject = createSubject();
  subject.push('a!b');
  subject.push('c');
  subject.inflow.discard();
  expect(subject.isPaused()).toBe(false);
  subject.release();
  subject.push('d');
  expect(subject.read()).toBe('a!');
  expect(subject.inflow.isCaughtUp()).toBe(true);
});
