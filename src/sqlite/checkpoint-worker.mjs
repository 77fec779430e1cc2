// The thread of checkpointer.ts: copies the write-ahead log into the database file, which means writing and syncing.
import { parentPort, workerData } from 'node:worker_threads';

import { Database } from './driver.mjs';

/** @type {{ filePath: string, state: Int32Array }} */
const { filePath, state } = workerData;

parentPort?.on('message', () => {
  // 0: at rest; 1: at work; 2: closed for good.
  if (Atomics.compareExchange(state, 0, 0, 1) !== 0) return;
  try {
    // Opened for each turn: a connection that stayed would keep the owner's from being the last to close.
    const db = new Database(filePath, { fileMustExist: true, timeout: 0 });
    try {
      db.pragma('synchronous = NORMAL');
      db.pragma('wal_checkpoint(PASSIVE)');
    } finally {
      db.close();
    }
  } finally {
    Atomics.store(state, 0, 0);
    Atomics.notify(state, 0);
  }
  parentPort?.postMessage('done');
});
