// @ts-check
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { performance } from 'node:perf_hooks';
import { parentPort } from 'node:worker_threads';

/*
 * Reads whole files beside the event loop: digests them, and copies them where asked to. One message per file, one
 * answer per message, in order.
 */

const READ_BYTES = 1024 * 1024;

/**
 * @typedef {object} FileTask
 * @property {number} id
 * @property {string} path
 * @property {number} offset where the digested part starts; what is before comes back as `head`
 * @property {string | null} copyTo made anew, with its bytes on stable storage; null: read only
 * @property {number} maxBytesPerSecond 0: as fast as it goes
 */

const buffer = Buffer.allocUnsafe(READ_BYTES);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
/** Until when the bytes read so far should have taken, ms. */
let paidUntil = 0;

/** @param {number} bytes @param {number} rate */
function pace(bytes, rate) {
  if (rate <= 0) return;
  const now = performance.now();
  paidUntil = Math.max(paidUntil, now) + (bytes / rate) * 1000;
  if (paidUntil > now) Atomics.wait(sleeper, 0, 0, paidUntil - now);
}

/** @param {number} fd @param {Buffer} bytes */
function writeAll(fd, bytes) {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at);
}

/** @param {FileTask} task */
function read({ path, offset, copyTo, maxBytesPerSecond }) {
  const fd = fs.openSync(path, 'r');
  let target = -1;
  try {
    const { atime, mtime } = fs.fstatSync(fd);
    if (copyTo !== null) target = fs.openSync(copyTo, 'wx', 0o640);
    const hash = createHash('sha256');
    const head = Buffer.alloc(offset);
    let bytes = 0;
    for (;;) {
      const got = fs.readSync(fd, buffer, 0, READ_BYTES, bytes);
      if (got === 0) break;
      const chunk = buffer.subarray(0, got);
      const ofHead = Math.min(got, Math.max(0, offset - bytes));
      chunk.copy(head, bytes, 0, ofHead);
      hash.update(chunk.subarray(ofHead));
      if (target >= 0) writeAll(target, chunk);
      bytes += got;
      pace(got, maxBytesPerSecond);
    }
    if (target >= 0) {
      fs.futimesSync(target, atime, mtime);
      fs.fsyncSync(target);
    }
    return {
      bytes,
      sha256: hash.digest('hex'),
      head: new Uint8Array(head.subarray(0, Math.min(offset, bytes))),
    };
  } finally {
    fs.closeSync(fd);
    if (target >= 0) fs.closeSync(target);
  }
}

parentPort?.on('message', (/** @type {FileTask} */ task) => {
  try {
    parentPort?.postMessage({ id: task.id, ...read(task) });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    parentPort?.postMessage({ id: task.id, failure: code });
  }
});
