// @ts-check
import { Buffer } from 'node:buffer';

/*
 * The memory that the two sides of a lane share: orders one way, answers the other, as numbers and short texts. Reading
 * and writing them costs a microsecond; a message between threads costs ten and more at each end.
 */

/** Orders that may wait at once; what is beyond waits at the side that gives them. */
const ORDERS = 256;
const ORDER_NUMBERS = 8;
/** For the names of an order. */
const TEXT_BYTES = 512;
const SEPARATOR = '\0';
/** Of one UTF-16 code unit. */
const MAX_UTF8_BYTES = 3;
const ANSWERS = 256;
const ANSWER_NUMBERS = 2;

/** What the numbers of the state are: counts that only grow (and wrap around), and flags. */
const ORDERS_GIVEN = 0;
const ORDERS_TAKEN = 1;
const ANSWERS_GIVEN = 2;
const ANSWERS_TAKEN = 3;
const SLABS_RETURNED = 4;
const IS_AWAITED = 5;
const IS_WATCHED = 6;
const STATE_NUMBERS = 7;

/** Kinds of orders. The one without numbers of its own comes as a message. */
export const ORDER = Object.freeze({ message: 0, open: 1, write: 2, put: 3 });

/** Answers that need no message. The first one is not the last of its question: the folders are to be synced now. */
export const ANSWER = Object.freeze({ linked: 0, stored: 1, exists: 2 });

/**
 * @typedef {object} Order
 * @property {number} kind of {@link ORDER}
 * @property {number} object
 * @property {readonly number[]} numbers at most 5
 * @property {readonly string[]} texts without NUL
 */

/** @returns {SharedArrayBuffer} for {@link LaneMemory} at both sides */
export function createLaneMemory() {
  const numbers = STATE_NUMBERS + ORDERS * ORDER_NUMBERS + ANSWERS * ANSWER_NUMBERS;
  return new SharedArrayBuffer(numbers * Int32Array.BYTES_PER_ELEMENT + ORDERS * TEXT_BYTES);
}

export class LaneMemory {
  #state;
  #orders;
  #answers;
  #texts;

  /** @param {SharedArrayBuffer} memory of {@link createLaneMemory} */
  constructor(memory) {
    let at = 0;
    /** @param {number} count */
    const numbers = (count) => {
      const array = new Int32Array(memory, at, count);
      at += array.byteLength;
      return array;
    };
    this.#state = numbers(STATE_NUMBERS);
    this.#orders = numbers(ORDERS * ORDER_NUMBERS);
    this.#answers = numbers(ANSWERS * ANSWER_NUMBERS);
    this.#texts = Buffer.from(memory, at);
  }

  // ---- The side that gives orders ------------------------------------------------------------------------------

  /** @param {Order} order whose texts there is room for @returns {boolean} false where there is no room now */
  give({ kind, object, numbers, texts }) {
    if (!this.hasRoom()) return false;
    const given = Atomics.load(this.#state, ORDERS_GIVEN);
    const slot = slotOf(given, ORDERS);
    const at = slot * ORDER_NUMBERS;
    this.#orders[at] = kind;
    this.#orders[at + 1] = object;
    this.#orders[at + 2] =
      texts.length === 0 ? 0 : this.#texts.write(texts.join(SEPARATOR), slot * TEXT_BYTES, 'utf8');
    for (let index = 0; index < numbers.length; index += 1) {
      this.#orders[at + 3 + index] = numbers[index] ?? 0;
    }
    // What was written above is seen by whoever sees the new count.
    Atomics.store(this.#state, ORDERS_GIVEN, (given + 1) | 0);
    Atomics.notify(this.#state, ORDERS_GIVEN);
    return true;
  }

  hasRoom() {
    const waiting = Atomics.load(this.#state, ORDERS_GIVEN) - Atomics.load(this.#state, ORDERS_TAKEN);
    return (waiting | 0) < ORDERS;
  }

  /** @param {readonly string[]} texts of an order @returns {boolean} whether there is ever room for so much */
  static holds(texts) {
    const text = texts.join(SEPARATOR);
    return text.length * MAX_UTF8_BYTES <= TEXT_BYTES || Buffer.byteLength(text) <= TEXT_BYTES;
  }

  /** @param {(question: number, answer: number) => void} take called for each answer that has come */
  takeAnswers(take) {
    for (;;) {
      const taken = Atomics.load(this.#state, ANSWERS_TAKEN);
      if (taken === Atomics.load(this.#state, ANSWERS_GIVEN)) return;
      const at = slotOf(taken, ANSWERS) * ANSWER_NUMBERS;
      const question = this.#answers[at] ?? 0;
      const answer = this.#answers[at + 1] ?? 0;
      Atomics.store(this.#state, ANSWERS_TAKEN, (taken + 1) | 0);
      take(question, answer);
    }
  }

  /** How often a slab was given back. */
  get slabsReturned() {
    return Atomics.load(this.#state, SLABS_RETURNED);
  }

  /** Asks to be told, once, when a slab is given back or an order taken. */
  await() {
    Atomics.store(this.#state, IS_AWAITED, 1);
  }

  /** Whether this side looks for answers again and again, so that it need not be told of them. @param {boolean} is */
  watch(is) {
    Atomics.store(this.#state, IS_WATCHED, is ? 1 : 0);
  }

  // ---- The side that carries them out --------------------------------------------------------------------------

  /** @returns {Order | undefined} the next order, which is taken by this */
  takeOrder() {
    const taken = Atomics.load(this.#state, ORDERS_TAKEN);
    if (taken === Atomics.load(this.#state, ORDERS_GIVEN)) return undefined;
    const slot = slotOf(taken, ORDERS);
    const at = slot * ORDER_NUMBERS;
    const textAt = slot * TEXT_BYTES;
    const textBytes = this.#orders[at + 2] ?? 0;
    const order = {
      kind: this.#orders[at] ?? 0,
      object: this.#orders[at + 1] ?? 0,
      numbers: [...this.#orders.subarray(at + 3, at + ORDER_NUMBERS)],
      texts: textBytes === 0 ? [] : this.#texts.toString('utf8', textAt, textAt + textBytes).split(SEPARATOR),
    };
    Atomics.store(this.#state, ORDERS_TAKEN, (taken + 1) | 0);
    return order;
  }

  /** Whether the next order has come and is of this kind and object. @param {number} kind @param {number} object */
  isNext(kind, object) {
    const taken = Atomics.load(this.#state, ORDERS_TAKEN);
    if (taken === Atomics.load(this.#state, ORDERS_GIVEN)) return false;
    const at = slotOf(taken, ORDERS) * ORDER_NUMBERS;
    return this.#orders[at] === kind && this.#orders[at + 1] === object;
  }

  /** Sleeps until there is an order. */
  awaitOrder() {
    const taken = Atomics.load(this.#state, ORDERS_TAKEN);
    Atomics.wait(this.#state, ORDERS_GIVEN, taken);
  }

  /**
   * @param {number} question @param {number} answer of {@link ANSWER}
   * @returns {'told' | 'tell' | 'full'} `tell`: the other side does not look by itself; `full`: it was not taken down
   */
  answer(question, answer) {
    const given = Atomics.load(this.#state, ANSWERS_GIVEN);
    if (((given - Atomics.load(this.#state, ANSWERS_TAKEN)) | 0) >= ANSWERS) return 'full';
    const at = slotOf(given, ANSWERS) * ANSWER_NUMBERS;
    this.#answers[at] = question;
    this.#answers[at + 1] = answer;
    Atomics.store(this.#state, ANSWERS_GIVEN, (given + 1) | 0);
    return Atomics.load(this.#state, IS_WATCHED) === 1 ? 'told' : 'tell';
  }

  /** A slab was given back. */
  countReturned() {
    Atomics.add(this.#state, SLABS_RETURNED, 1);
  }

  /** @returns {boolean} whether the other side asked to be told; it has to ask again */
  takeAwaited() {
    return Atomics.load(this.#state, IS_AWAITED) === 1 && Atomics.exchange(this.#state, IS_AWAITED, 0) === 1;
  }
}

/** @param {number} count that wraps around @param {number} slots a power of two */
function slotOf(count, slots) {
  return count & (slots - 1);
}
