// @ts-check
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

import { DirectWrites } from './direct-writes.mjs';
import { ANSWER, LaneMemory, ORDER } from './lane-memory.mjs';
import { askForShortSlices } from './prompt-thread.mjs';
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
 * @property {number} undigested bytes at the beginning that are no part of the Data Set
 * @property {boolean} isDigested by the other side
 * @property {boolean} isLast of its object
 */
/** @typedef {{ kind: 'slab', slab: number, memory: SharedArrayBuffer }} SlabMessage */
/** @typedef {{ kind: 'forget-slab', slab: number }} ForgetSlabMessage */
/** @typedef {{ kind: 'digest', question: number, object: number }} DigestMessage */
/** @typedef {{ kind: 'discard', question: number, object: number }} DiscardMessage */
/** @typedef {{ kind: 'release', question: number, names: readonly string[] }} ReleaseMessage */
/** @typedef {{ kind: 'open' | 'put', object: number, numbers: readonly number[], texts: readonly string[] }} LongOrder its texts did not fit */
/** @typedef {SlabMessage | ForgetSlabMessage | DigestMessage | DiscardMessage | ReleaseMessage | LongOrder} Message */

/**
 * @typedef {object} Place
 * @property {string} root
 * @property {string} folder
 * @property {string} file
 * @property {string} sha256 empty where it is for this side to tell
 * @property {() => boolean} leaveFolder whether the other side syncs the staging folder, beginning now
 */

/**
 * @typedef {object} Staged
 * @property {string} name its present name in the staging folder
 * @property {number} fd -1 where it could not be made
 * @property {number} directFd for writing past the page cache, -1 until that is done
 * @property {number} position
 * @property {number} writtenBack up to where the disk was asked to take it
 * @property {import('node:crypto').Hash} hash
 * @property {Piece[]} undigested written, and not digested yet
 * @property {string | undefined} sha256
 * @property {{ doing: string, errno: string } | undefined} failure the first one; nothing is written after it
 */

/**
 * @typedef {object} Release
 * @property {number} question
 * @property {readonly string[]} names
 * @property {number} next
 * @property {{ doing: string, errno: string } | undefined} failure the first one
 */

/** @type {{ port: import('node:worker_threads').MessagePort, memory: SharedArrayBuffer, generation: Int32Array, incoming: string }} */
const { port, memory, generation, incoming } = workerData;
const lane = new LaneMemory(memory);
const { O_DIRECT, O_WRONLY } = fs.constants;
const SLAB_TRAILER_BYTES = 4;
/** What is worth a transfer of its own: each costs the machine a few dozen microseconds, whatever its size. */
const WRITE_BACK_BYTES = 384 * 1024;
/** The same for the end of an object: other work comes between it and the sync. */
const LAST_WRITE_BACK_BYTES = 64 * 1024;

/** Of one object that are written at once (512 KiB), so that those of others get their turn. */
const MAX_PIECES = 4;

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
/** Staging links to remove, one at a time when there is nothing else to do. @type {Release[]} */
const releases = [];
const folders = new ThreadFolders(generation);
const directWrites = new DirectWrites();
const startWriteBack = await loadWriteBack();
await askForShortSlices();

/** @param {unknown} error */
const errnoOf = (error) =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'failed';

/** @param {number} object @param {string} name */
function open(object, name) {
  /** @type {Staged} */
  const staged = {
    name,
    fd: -1,
    directFd: -1,
    position: 0,
    writtenBack: 0,
    hash: createHash('sha256'),
    undigested: [],
    sha256: undefined,
    failure: undefined,
  };
  objects.set(object, staged);
  attempt(staged, 'create a staging file', () => {
    staged.fd = fs.openSync(path.join(incoming, name), 'wx', 0o640);
  });
}

/** @param {number} object */
function stagedOf(object) {
  const staged = objects.get(object);
  if (staged === undefined) throw new Error(`unknown object ${object}`);
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

/** @param {Staged} staged @param {readonly Piece[]} pieces that follow one another */
function write(staged, pieces) {
  const bytes = pieces.map(({ slab, length }) => slabOf(slab).bytes.subarray(0, length));
  attempt(staged, 'write an object', () => {
    const direct = writeDirectly(staged, bytes);
    if (direct > 0) staged.writtenBack = staged.position + direct;
    writeCached(staged, bytes, direct);
    const unsent = staged.position - staged.writtenBack;
    const isLast = pieces.at(-1)?.isLast ?? false;
    if (unsent < (isLast ? LAST_WRITE_BACK_BYTES : WRITE_BACK_BYTES)) return;
    startWriteBack(staged.fd, staged.writtenBack, unsent);
    staged.writtenBack = staged.position;
  });
  for (const piece of pieces) {
    if (piece.isDigested) {
      giveBack(slabOf(piece.slab));
      continue;
    }
    staged.undigested.push(piece);
    undigested.add(staged);
  }
}

/** @param {Staged} staged @param {readonly Uint8Array[]} pieces @returns {number} how many bytes of them */
function writeDirectly(staged, pieces) {
  const open = () => {
    if (staged.directFd < 0)
      staged.directFd = fs.openSync(path.join(incoming, staged.name), O_WRONLY | O_DIRECT);
    return staged.directFd;
  };
  return directWrites.write(open, pieces, staged.position);
}

/** @param {Staged} staged @param {readonly Uint8Array[]} pieces @param {number} done bytes of them that are written */
function writeCached(staged, pieces, done) {
  for (const bytes of pieces) {
    let at = Math.min(done, bytes.length);
    done -= at;
    while (at < bytes.length)
      at += fs.writeSync(staged.fd, bytes, at, bytes.length - at, staged.position + at);
    staged.position += bytes.length;
  }
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
 * may survive without all the bytes behind it, and only the digest can tell. The staging name is what has to survive:
 * recovery looks for it, and makes the link again where that was lost.
 * @param {Staged} staged @param {Place} place
 * @returns {'stored' | 'exists'}
 */
function putInPlace(staged, { root, folder, file, sha256: known, leaveFolder }) {
  const sha256 = known === '' ? digestOf(staged) : known;
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
    const isLeft = leaveFolder();
    // After the rename, and the file first: the commit of the file system's journal that it needs has the name in it, so
    // that the folder needs none of its own.
    fs.fdatasyncSync(staged.fd);
    if (!isLeft) folders.sync(incoming);
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
  for (const fd of [staged.fd, staged.directFd]) {
    // Everything is synced by now or not wanted, so a failing close can lose nothing.
    try {
      if (fd >= 0) fs.closeSync(fd);
    } catch {
      // See above.
    }
  }
  staged.fd = -1;
  staged.directFd = -1;
}

/** The other side may use the slab again. @param {SlabMemory} slab */
function giveBack(slab) {
  Atomics.store(slab.inUse, 0, 0);
  lane.countReturned();
}

/** @param {import('./lane-memory.mjs').Order} order */
function carryOut({ kind, object, numbers, texts }) {
  if (kind === ORDER.message) carryOutMessage(receiveMessageOnPort(port)?.message);
  else if (kind === ORDER.open) open(object, texts[0] ?? '');
  else if (kind === ORDER.write) carryOutWrite(object, numbers);
  else carryOutPut(object, numbers, texts);
}

/** @param {Message} message */
function carryOutMessage(message) {
  switch (message.kind) {
    case 'slab': {
      const end = message.memory.byteLength - SLAB_TRAILER_BYTES;
      slabs.set(message.slab, {
        bytes: new Uint8Array(message.memory, 0, end),
        inUse: new Int32Array(message.memory, end, 1),
      });
      return;
    }
    case 'forget-slab':
      slabs.delete(message.slab);
      return;
    case 'digest': {
      const staged = stagedOf(message.object);
      attempt(staged, 'digest an object', () => digestOf(staged));
      reply(message.question, staged);
      return;
    }
    case 'discard':
      discard(message);
      return;
    case 'release':
      releases.push({ ...message, next: 0, failure: undefined });
      return;
    case 'open':
      open(message.object, message.texts[0] ?? '');
      return;
    case 'put':
      carryOutPut(message.object, message.numbers, message.texts);
  }
}

/**
 * Takes what has come of the object meanwhile along: a transfer costs the machine its time whatever its size.
 * @param {number} object @param {readonly number[]} numbers
 */
function carryOutWrite(object, numbers) {
  const pieces = [pieceOf(numbers)];
  while (pieces.length < MAX_PIECES && lane.isNext(ORDER.write, object))
    pieces.push(pieceOf(lane.takeOrder()?.numbers ?? []));
  write(stagedOf(object), pieces);
}

/** @param {readonly number[]} numbers @returns {Piece} */
function pieceOf([slab = 0, length = 0, undigested = 0, isDigested = 0, isLast = 0]) {
  return { slab, length, undigested, isDigested: isDigested === 1, isLast: isLast === 1 };
}

/** @param {number} object @param {readonly number[]} numbers @param {readonly string[]} texts */
function carryOutPut(object, [question = 0, mayLeave = 0], [root = '', folder = '', file = '', sha256 = '']) {
  const staged = stagedOf(object);
  /** @type {'stored' | 'exists' | undefined} */
  let result;
  attempt(staged, 'put an object in place', () => {
    const leaveFolder = () => mayLeave === 1 && answerShortly(question, 'linked');
    result = putInPlace(staged, { root, folder, file, sha256, leaveFolder });
  });
  if (result === undefined || sha256 === '' || !answerShortly(question, result)) {
    reply(question, staged, result);
  }
  if (result !== 'stored') return;
  objects.delete(object);
  close(staged);
}

/** @param {number} question @param {keyof typeof ANSWER} answer @returns {boolean} false where there is no room for it */
function answerShortly(question, answer) {
  const how = lane.answer(question, ANSWER[answer]);
  if (how === 'tell') parentPort?.postMessage(null);
  return how !== 'full';
}

/** @param {number} question @param {Staged} staged @param {'stored' | 'exists'} [result] */
function reply(question, { failure, sha256 }, result) {
  parentPort?.postMessage(failure === undefined ? { question, sha256, result } : { question, failure });
}

/** @param {DiscardMessage} message */
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

/** @param {Release} release */
function releaseNext(release) {
  const { names, question } = release;
  const name = names[release.next];
  release.next += 1;
  try {
    if (name !== undefined) fs.unlinkSync(path.join(incoming, name));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT') release.failure ??= { doing: 'release a staging link', errno };
  }
  if (release.next < names.length) return;
  releases.shift();
  parentPort?.postMessage({ question, failure: release.failure });
}

// The disk works on what was written while it is digested, so all that has come is written first.
for (;;) {
  const order = lane.takeOrder();
  const [next] = undigested;
  if (order !== undefined) carryOut(order);
  else if (next !== undefined) digestNext(next);
  else if (releases[0] !== undefined) releaseNext(releases[0]);
  else lane.awaitOrder();
  if (lane.takeAwaited()) parentPort?.postMessage(null);
}
