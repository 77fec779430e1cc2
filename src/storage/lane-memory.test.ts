import { describe, expect, it } from 'vitest';

import { ANSWER, createLaneMemory, LaneMemory, ORDER } from './lane-memory.mjs';

/** Both sides of one memory. */
function lane(): { giver: LaneMemory; taker: LaneMemory } {
  const memory = createLaneMemory();
  return { giver: new LaneMemory(memory), taker: new LaneMemory(memory) };
}

const write = (object: number) => ({ kind: ORDER.write, object, numbers: [1, 2, 3, 4], texts: [] });

describe('the memory of a lane', () => {
  it('hands over kind, object, numbers and texts', () => {
    const { giver, taker } = lane();
    const texts = ['/daten/ä', '', 'c/1.2.3', '日本.dcm'];
    expect(giver.give({ kind: ORDER.put, object: -7, numbers: [2 ** 31 - 1], texts })).toBe(true);
    const taken = taker.takeOrder();
    expect(taken).toMatchObject({ kind: ORDER.put, object: -7, texts });
    expect(taken?.numbers[0]).toBe(2 ** 31 - 1);
    expect(taker.takeOrder()).toBeUndefined();
  });

  it('keeps the order of orders, round and round', () => {
    const { giver, taker } = lane();
    let taken = 0;
    for (let given = 0; given < 2000; given += 1) {
      expect(giver.give(write(given))).toBe(true);
      if (given % 3 === 0) continue;
      expect(taker.takeOrder()?.object).toBe(taken);
      taken += 1;
      if (given % 250 !== 0) continue;
      for (let order = taker.takeOrder(); order !== undefined; order = taker.takeOrder()) {
        expect(order.object).toBe(taken);
        taken += 1;
      }
    }
    expect(taken).toBeGreaterThan(1300);
  });

  it('tells what the next order is, and leaves it', () => {
    const { giver, taker } = lane();
    expect(taker.isNext(ORDER.write, 1)).toBe(false);
    giver.give(write(1));
    giver.give({ kind: ORDER.put, object: 1, numbers: [], texts: [] });
    expect(taker.isNext(ORDER.write, 2)).toBe(false);
    expect(taker.isNext(ORDER.write, 1)).toBe(true);
    expect(taker.takeOrder()).toMatchObject({ kind: ORDER.write, object: 1 });
    expect(taker.isNext(ORDER.write, 1)).toBe(false);
    expect(taker.isNext(ORDER.put, 1)).toBe(true);
    taker.takeOrder();
    // Where an order was, that has been taken.
    expect(taker.isNext(ORDER.put, 1)).toBe(false);
  });

  it('takes no order over one that was not taken', () => {
    const { giver, taker } = lane();
    let given = 0;
    while (giver.give(write(given))) given += 1;
    expect(given).toBe(256);
    expect(giver.hasRoom()).toBe(false);
    expect(taker.takeOrder()?.object).toBe(0);
    expect(giver.give(write(given))).toBe(true);
    expect(giver.give(write(given + 1))).toBe(false);
  });

  it('tells texts that there is never room for', () => {
    expect(LaneMemory.holds(['x'.repeat(500), 'y'.repeat(11)])).toBe(true);
    expect(LaneMemory.holds(['x'.repeat(500), 'y'.repeat(12)])).toBe(false);
    expect(LaneMemory.holds(['日'.repeat(171)])).toBe(false);
    expect(LaneMemory.holds(['日'.repeat(170)])).toBe(true);
  });

  it('says whether the one who asked has to be told of an answer', () => {
    const { giver, taker } = lane();
    expect(taker.answer(1, ANSWER.linked)).toBe('tell');
    giver.watch(true);
    expect(taker.answer(1, ANSWER.stored)).toBe('told');
    giver.watch(false);
    expect(taker.answer(-2, ANSWER.exists)).toBe('tell');
    const answers: [number, number][] = [];
    giver.takeAnswers((question, answer) => answers.push([question, answer]));
    expect(answers).toEqual([
      [1, ANSWER.linked],
      [1, ANSWER.stored],
      [-2, ANSWER.exists],
    ]);
  });

  it('takes no answer over one that was not seen', () => {
    const { giver, taker } = lane();
    for (let question = 0; question < 256; question += 1) taker.answer(question, ANSWER.stored);
    expect(taker.answer(256, ANSWER.stored)).toBe('full');
    let seen = 0;
    giver.takeAnswers((question) => expect(question).toBe(seen++));
    expect(seen).toBe(256);
    expect(taker.answer(256, ANSWER.stored)).toBe('tell');
  });

  it('has the one told, once, who waits for slabs or room', () => {
    const { giver, taker } = lane();
    expect(taker.takeAwaited()).toBe(false);
    giver.await();
    expect([taker.takeAwaited(), taker.takeAwaited()]).toEqual([true, false]);
    taker.countReturned();
    expect(giver.slabsReturned).toBe(1);
  });
});
