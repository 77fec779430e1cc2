// @ts-check
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

import { ThreadFolders } from './thread-folders.mjs';
import { loadWriteBack } from './write-back.mjs';

/*
 * Writes, digests and puts in place the objects of its lane, with plain blocking calls: on its own thread they cost no
 * hand-over between threads, and those are what an object of half a megabyte otherwise waits for most. Orders come in
 * sequence and are carried out in sequence; see object-threads.ts for the other side.
 */

/**
 * @typedef {object} Piece bytes of an object that lie in a slab
 * @property {number} slab
 * @property {number} length bytes of the slab that are used
 * @property {boolean} isDigested by the other side
 * @property {number} undigested bytes at the beginning that are no part of the Data Set
 */
/** @typedef {{ kind: 'slab', slab: number, memory: SharedArrayBuffer }} SlabOrder */
/** @typedef {{ kind: 'forget-slab', slab: number }} ForgetSlabOrder */
/** @typedef {{ kind: 'write', object: number, name: string, piece: Piece }} WriteOrder */
/** @typedef {{ kind: 'digest', question: number, object: number, name: string }} DigestOrder */
/** @typedef {{ kind: 'put', question: number, object: number, name: string, sha256?: string, root: string, folder: string, file: string }} PutOrder */
/** @typedef {{ kind: 'discard', question: number, object: number }} DiscardOrder */
/** @typedef {SlabOrder | ForgetSlabOrder | WriteOrder | DigestOrder | PutOrder | DiscardOrder} Order */

/**
 * @typedef {object} Staged
 * @property {string} name its present name in the staging folder
 * @property {number} fd -1 where it could not be made
 * @property {number} position
 * @property {import('node:crypto').Hash} hash
 * @property {Piece[]} undigested written, and not digested yet
 * @property {string | undefined} sha256
 * @property {{ doing: string, errno: string } | undefined} failure the first one; nothing is written after it
 */

/**
 * `state`: how many orders were given, how many pieces were taken, and whether the other side waits for one to be.
 * @type {{ port: import('node:worker_threads').MessagePort, state: Int32Array, generation: Int32Array, incoming: string }}
 */
const { port, state, generation, incoming } = workerData;
const [GIVEN, TAKEN, IS_AWAITED] = [0, 1, 2];
const SLAB_TRAILER_BYTES = 4;
/** Smaller pieces are not worth the call. */
const WRITE_BACK_FROM_BYTES = 64 * 1024;

/**
 * @typedef {object} SlabMemory
 * @property {Uint8Array} bytes
 * @property {Int32Array} inUse one number, behind the bytes: 1 from the order until it is written and digested
 */
/** @type {Map<number, SlabMemory>} */
const slabs = new Map();
/** @type {Map<number, Staged>} */
const objects = new Map();
/** Objects with pieces to digest, the longest waiting first: that is done when nothing is to be written. @type {Set<Staged>} */
const undigested = new Set();
const folders = new ThreadFolders(generation);
const startWriteBack = await loadWriteBack();

/** @param {unknown} error */
const errnoOf = (error) =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'failed';

/** @param {number} object @param {string} name @returns {Staged} */
function stagedOf(object, name) {
  const known = objects.get(object);
  if (known !== undefined) return known;
  /** @type {Staged} */
  const staged = {
    name,
    fd: -1,
    position: 0,
    hash: createHash('sha256'),
    undigested: [],
    sha256: undefined,
    failure: undefined,
  };
  objects.set(object, staged);
  attempt(staged, 'create a staging file', () => {
    staged.fd = fs.openSync(path.join(incoming, name), 'wx', 0o640);
  });
  return staged;
}

/**
 * Does nothing after a failure, and remembers the first.
 * @param {Staged} staged @param {string} doing @param {() => void} action
 */
function attempt(staged, doing, action) {
  if (staged.failure !== undefined) return;
  try {
    action();
  } catch (error) {
    staged.failure = { doing, errno: errnoOf(error) };
  }
}

/** @param {number} id */
function slabOf(id) {
  const slab = slabs.get(id);
  if (slab === undefined) throw new Error(`unknown slab ${id}`);
  return slab;
}

/** @param {Staged} staged @param {Piece} piece */
function write(staged, piece) {
  const { length } = piece;
  const { bytes } = slabOf(piece.slab);
  attempt(staged, 'write an object', () => {
    const from = staged.position;
    for (let at = 0; at < length;) at += fs.writeSync(staged.fd, bytes, at, length - at, from + at);
    staged.position += length;
    if (length >= WRITE_BACK_FROM_BYTES) startWriteBack(staged.fd, from, length);
  });
  if (piece.isDigested) {
    giveBack(slabOf(piece.slab));
    return;
  }
  staged.undigested.push(piece);
  undigested.add(staged);
}

/** @param {Staged} staged */
function digestNext(staged) {
  const piece = staged.undigested.shift();
  if (staged.undigested.length === 0) undigested.delete(staged);
  if (piece === undefined) return;
  const slab = slabOf(piece.slab);
  staged.hash.update(slab.bytes.subarray(piece.undigested, piece.length));
  giveBack(slab);
}

/** @param {Staged} staged */
function digestOf(staged) {
  while (staged.undigested.length > 0) digestNext(staged);
  staged.sha256 ??= staged.hash.digest('hex');
  return staged.sha256;
}

/** @param {Staged} staged @param {string} name */
function rename(staged, name) {
  fs.renameSync(path.join(incoming, staged.name), path.join(incoming, name));
  staged.name = name;
}

/**
 * The digest goes into the staging name before the link is made: if power fails while the syncs are under way, the link
 * may survive without all the bytes behind it, and only the digest can tell. The staging name must survive too: it is
 * what recovery looks for when the index lost its row.
 * @param {Staged} staged @param {PutOrder} order
 * @returns {'stored' | 'exists'}
 */
function putInPlace(staged, { root, folder, file, sha256 = digestOf(staged) }) {
  const partial = staged.name;
  staged.sha256 = sha256;
  rename(staged, partial.replace(/\.part$/, `.${sha256}.done`));
  const parent = folders.ensure(root, folder);
  const target = path.join(parent, file);
  if (!link(staged, root, folder, target)) {
    rename(staged, partial);
    return 'exists';
  }
  try {
    // The file first: the commit of the file system's journal that it needs mostly has both names in it.
    fs.fdatasyncSync(staged.fd);
    folders.sync(parent);
    folders.sync(incoming);
  } catch (error) {
    removeIfThere(target);
    throw error;
  }
  return 'stored';
}

/** @param {Staged} staged @param {string} root @param {string} folder @param {string} target @returns false: taken */
function link(staged, root, folder, target) {
  const from = path.join(incoming, staged.name);
  const first = tryLink(from, target);
  if (first !== 'ENOENT') return first === undefined;
  // The folder was known to us but somebody removed it (an emptied study, say): make it again, once.
  folders.forgetAll();
  folders.ensure(root, folder);
  const second = tryLink(from, target);
  if (second === 'ENOENT') throw Object.assign(new Error('the folder is gone again'), { code: second });
  return second === undefined;
}

/** @param {string} from @param {string} target @returns {'EEXIST' | 'ENOENT' | undefined} */
function tryLink(from, target) {
  try {
    fs.linkSync(from, target);
    return undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EEXIST' || errno === 'ENOENT') return errno;
    throw error;
  }
}

/** @param {string} file */
function removeIfThere(file) {
  try {
    fs.unlinkSync(file);
  } catch {
    // What could not be put in place may be gone already, and the failure that led here is the one to tell.
  }
}

/** @param {Staged} staged */
function close(staged) {
  if (staged.fd < 0) return;
  // Everything is synced by now or not wanted, so a failing close can lose nothing.
  try {
    fs.closeSync(staged.fd);
  } catch {
    // See above.
  }
  staged.fd = -1;
}

/** The other side may use the slab again; it is told where it waits for that. @param {SlabMemory} slab */
function giveBack(slab) {
  Atomics.store(slab.inUse, 0, 0);
  Atomics.add(state, TAKEN, 1);
  if (Atomics.exchange(state, IS_AWAITED, 0) === 1) parentPort?.postMessage({ question: 0 });
}

/** @param {Order} order */
function carryOut(order) {
  switch (order.kind) {
    case 'slab':
      slabs.set(order.slab, {
        bytes: new Uint8Array(order.memory, 0, order.memory.byteLength - SLAB_TRAILER_BYTES),
        inUse: new Int32Array(order.memory, order.memory.byteLength - SLAB_TRAILER_BYTES, 1),
      });
      return;
    case 'forget-slab':
      slabs.delete(order.slab);
      return;
    case 'write':
      write(stagedOf(order.object, order.name), order.piece);
      return;
    case 'digest': {
      const staged = stagedOf(order.object, order.name);
      reply(order.question, staged, () => ({ sha256: digestOf(staged) }));
      return;
    }
    case 'put': {
      const staged = stagedOf(order.object, order.name);
      const isDone = reply(order.question, staged, () => {
        let result;
        attempt(staged, 'put an object in place', () => {
          result = putInPlace(staged, order);
        });
        return { sha256: staged.sha256, result };
      });
      if (isDone) {
        objects.delete(order.object);
        close(staged);
      }
      return;
    }
    case 'discard':
      discard(order);
  }
}

/**
 * @param {number} question @param {Staged} staged @param {() => { sha256: string | undefined, result?: 'stored' | 'exists' | undefined }} work
 * @returns whether the object is in place
 */
function reply(question, staged, work) {
  const done = staged.failure === undefined ? work() : undefined;
  const { failure } = staged;
  parentPort?.postMessage(failure === undefined ? { question, ...done } : { question, failure });
  return failure === undefined && done?.result === 'stored';
}

/** @param {DiscardOrder} order */
function discard({ question, object }) {
  const staged = objects.get(object);
  objects.delete(object);
  let failure;
  if (staged !== undefined) {
    undigested.delete(staged);
    for (const { slab } of staged.undigested.splice(0)) giveBack(slabOf(slab));
  }
  if (staged !== undefined && staged.fd >= 0) {
    try {
      fs.unlinkSync(path.join(incoming, staged.name));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') failure = { doing: 'remove a staging file', errno: errnoOf(error) };
    }
    close(staged);
  }
  parentPort?.postMessage(failure === undefined ? { question } : { question, failure });
}

/** @returns whether there was one */
function carryOutNext() {
  const received = receiveMessageOnPort(port);
  if (received === undefined) return false;
  carryOut(received.message);
  return true;
}

// The disk works on what was written while it is digested, so all that has come is written first.
for (;;) {
  const seen = Atomics.load(state, GIVEN);
  if (carryOutNext()) continue;
  const [next] = undigested;
  if (next === undefined) Atomics.wait(state, GIVEN, seen);
  else digestNext(next);
}
