import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { expect, it, onTestFinished, vi } from 'vitest';

import { createCheckpointer } from './checkpointer.ts';
import { Database } from './driver.mjs';
import { openDatabase } from './open.ts';
import { WriteQueue } from './write-queue.ts';

const WORTHWHILE = 40;
const PAGE = 4096;

function setUp() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'checkpoint-'));
  const filePath = path.join(folder, 'index.db');
  const db = openDatabase(filePath);
  const checkpointer = createCheckpointer({ db, filePath, worthwhile: WORTHWHILE });
  onTestFinished(() => {
    checkpointer.close();
    db.close();
    fs.rmSync(folder, { recursive: true });
  });
  const queue = new WriteQueue(
    db,
    () => undefined,
    () => checkpointer.committed(),
  );
  const add = db.prepare('INSERT INTO text_value (text) VALUES (?)');
  let count = 0;
  /** Commits a row of about a page. */
  const write = (): Promise<unknown> => queue.write(() => add.run(`${(count += 1)} ${'x'.repeat(PAGE)}`));
  return {
    db,
    filePath,
    checkpointer,
    write,
    written: () => count,
    /** Bytes that are in the database file, without the log. */
    fileBytes: () => fs.statSync(filePath).size,
  };
}

it('brings a long log into the database file and begins it anew while somebody goes on writing', async () => {
  const { db, write, written, fileBytes } = setUp();
  for (let round = 0; round < 3; round += 1) {
    const before = fileBytes();
    for (let turn = 0; turn < 2 * WORTHWHILE; turn += 1) await write();
    await vi.waitFor(
      async () => {
        await write();
        const [{ log }] = db.pragma('wal_checkpoint(NOOP)') as [{ log: number }];
        expect(log).toBeLessThan(WORTHWHILE);
      },
      { interval: 1, timeout: 4000 },
    );
    expect(fileBytes()).toBeGreaterThan(before + WORTHWHILE * PAGE);
  }
  expect(db.prepare<[], number>('SELECT count(*) FROM text_value').pluck().get()).toBe(written());
  expect(db.pragma('quick_check', { simple: true })).toBe('ok');
});

it('leaves nobody else in the database once it is closed', async () => {
  const { db, filePath, checkpointer, write, written } = setUp();
  // So that a checkpoint is likely to be under way.
  for (let turn = 0; turn < 3 * WORTHWHILE; turn += 1) await write();
  checkpointer.close();
  db.close();
  // Only who closes a database last removes its log.
  expect(fs.existsSync(`${filePath}-wal`)).toBe(false);
  const again = new Database(filePath, { readonly: true });
  onTestFinished(() => void again.close());
  expect(again.prepare<[], number>('SELECT count(*) FROM text_value').pluck().get()).toBe(written());
});

it('does without its thread where that fails', async () => {
  const { db, filePath, write, written, fileBytes } = setUp();
  const before = fileBytes();
  // The thread finds no database of this name; the owner has it open.
  fs.renameSync(filePath, `${filePath}.away`);
  for (let turn = 0; turn < 3 * WORTHWHILE; turn += 1) await write();
  fs.renameSync(`${filePath}.away`, filePath);
  for (let turn = 0; turn < 3 * WORTHWHILE; turn += 1) await write();
  await vi.waitFor(async () => {
    for (let turn = 0; turn < WORTHWHILE; turn += 1) await write();
    expect(fileBytes()).toBeGreaterThan(before);
  });
  expect(db.prepare<[], number>('SELECT count(*) FROM text_value').pluck().get()).toBe(written());
});
