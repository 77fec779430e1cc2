import { expect, test } from 'vitest';

import { createInflow } from './inflow.ts';

/** An inflow whose feeder takes bytes one by one and blocks at each `!`. */
function createSubject(isReleasedAtOnce = false) {
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
          const release = inflow.block();
          if (isReleasedAtOnce) release();
          else releases.push(release);
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

test('a block that is released while it is being read holds nothing up, and nothing is read twice', () => {
  const subject = createSubject(true);
  subject.push('a!b!!c');
  expect(subject.read()).toBe('a!b!!c');
  subject.push('d!');
  expect(subject.read()).toBe('a!b!!cd!');
  expect(subject.inflow.isCaughtUp()).toBe(true);
  expect(subject.caughtUp()).toBeGreaterThan(0);
});

test('what is held stays as it came in, whatever the memory it came in is used for', () => {
  const texts = Array.from({ length: 40 }, (_, index) => `!${String(index).padStart(5, '0')}`.repeat(8000));
  const subjects = texts.map(() => createSubject());
  const memory = Buffer.alloc(6 * 8000);
  for (let round = 0; round < 3; round += 1) {
    subjects.forEach(({ inflow }, index) => {
      memory.write(texts[index] ?? '', 'latin1');
      inflow.push(memory);
    });
    for (const subject of subjects) while (!subject.inflow.isCaughtUp()) subject.release();
  }
  subjects.forEach((subject, index) => expect(subject.read()).toBe((texts[index] ?? '').repeat(3)));
});
