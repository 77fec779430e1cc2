import { expect, it } from 'vitest';

import { temporaryIndex } from '../../../test/support/temporary-index.ts';
import { createGrowth, type Growth } from './growth.ts';

const HOUR = 3_600_000;

function unexpected(error: unknown): never {
  throw error;
}

it('is told against the lowest count of the last day, restarts or not', async () => {
  const { quarantineHistory, index } = temporaryIndex();
  const open = (): Growth => createGrowth(quarantineHistory, unexpected);
  let growth = open();
  expect(growth.note(100, 0)).toBe(0);
  expect(growth.note(110, HOUR)).toBe(10);
  expect(growth.note(95, HOUR + 1)).toBe(0);
  await index.sync();
  growth = open();
  expect(growth.note(120, 2 * HOUR)).toBe(25);
  await index.sync();
  growth = open();
  // The lowest value has left the window; the next higher one of the day counts.
  expect(growth.note(130, 25 * HOUR + 2)).toBe(10);
  expect(growth.note(130, 60 * HOUR)).toBe(0);
});
