import { expect, it } from 'vitest';

import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createLiveFeed } from './live-feed.ts';

function fixture(maxClients?: number) {
  const clock = createFakeClock();
  const state = { version: 'v1', figures: { rate: '0' }, asked: 0, isBroken: false };
  const failures: unknown[] = [];
  const feed = createLiveFeed({
    clock,
    snapshot: () => {
      state.asked += 1;
      if (state.isBroken) throw new Error('the index is closed');
      return { version: state.version, figures: state.figures };
    },
    onFailure: (error) => failures.push(error),
    ...(maxClients !== undefined && { maxClients }),
  });
  return { clock, state, feed, failures };
}

/** What has been sent so far, and what comes with each further call. */
function reader(stream: ReadableStream<Uint8Array> | undefined) {
  if (stream === undefined) throw new Error('no stream');
  const source = stream.getReader();
  return {
    next: async (): Promise<string> => {
      const { value } = await source.read();
      return Buffer.from(value ?? []).toString();
    },
    isDone: async (): Promise<boolean> => (await source.read()).done,
    cancel: () => source.cancel(),
  };
}

it('sends figures at once, and a change when there is one', async () => {
  const { clock, state, feed } = fixture();
  const events = reader(feed.watch(undefined));
  expect(await events.next()).toBe('retry: 3000\nid: v1\n\n');
  expect(await events.next()).toBe('event: figures\ndata: {"rate":"0"}\n\n');
  clock.advance(1000);
  state.version = 'v2';
  clock.advance(1000);
  expect(await events.next()).toBe('event: changed\nid: v2\ndata: {}\n\n');
});

it('tells one who comes back whether anything was missed', async () => {
  const { feed } = fixture();
  const missed = reader(feed.watch('v0'));
  await missed.next();
  await missed.next();
  expect(await missed.next()).toBe('event: changed\nid: v1\ndata: {}\n\n');
  const current = reader(feed.watch('v1'));
  await current.next();
  expect(await current.next()).toContain('event: figures');
});

it('keeps a quiet line open', async () => {
  const { clock, feed } = fixture();
  const events = reader(feed.watch(undefined));
  await events.next();
  await events.next();
  clock.advance(15_000);
  expect(await events.next()).toBe(': still here\n\n');
});

it('looks once for all who watch, and not at all when nobody does', async () => {
  const { clock, state, feed } = fixture();
  const events = [1, 2, 3].map(() => reader(feed.watch(undefined)));
  state.asked = 0;
  clock.advance(5000);
  expect(state.asked).toBe(5);
  await Promise.all(events.map((one) => one.cancel()));
  clock.advance(5000);
  expect(state.asked).toBe(5);
  expect([feed.clients, clock.pending]).toEqual([0, 0]);
});

it('takes so many watchers and no more', async () => {
  const { feed } = fixture(2);
  const first = reader(feed.watch(undefined));
  feed.watch(undefined);
  expect(feed.watch(undefined)).toBeUndefined();
  await first.cancel();
  expect(feed.watch(undefined)).toBeDefined();
});

it('drops a watcher that does not read, and everybody at the end', async () => {
  const { clock, state, feed } = fixture();
  feed.watch(undefined);
  for (let second = 0; second < 200; second += 1) {
    state.figures = { rate: String(second) };
    clock.advance(1000);
  }
  expect(feed.clients).toBe(0);
  const events = reader(feed.watch(undefined));
  feed.close();
  await events.next();
  await events.next();
  expect(await events.isDone()).toBe(true);
  expect(feed.watch(undefined)).toBeUndefined();
});

it('ends its streams and says why where it cannot look, and serves those who come again', async () => {
  const { clock, state, feed, failures } = fixture();
  const events = reader(feed.watch(undefined));
  await events.next();
  await events.next();
  state.isBroken = true;
  clock.advance(1000);
  expect(await events.isDone()).toBe(true);
  expect(failures).toEqual([new Error('the index is closed')]);
  expect([feed.clients, clock.pending]).toEqual([0, 0]);
  state.isBroken = false;
  const again = reader(feed.watch(undefined));
  expect(await again.next()).toContain('id: v1');
});
