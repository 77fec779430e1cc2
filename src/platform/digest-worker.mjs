// @ts-check
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/*
 * Computes SHA-256 digests beside the event loop. Messages: a slab's memory once, then per object updates that name
 * slabs, then its end. Each update is answered, so that its slab can be used again.
 */

/** @typedef {{ kind: 'slab', slab: number, memory: SharedArrayBuffer }} SlabMessage */
/** @typedef {{ kind: 'forget', slab: number }} ForgetMessage */
/** @typedef {{ kind: 'update', session: number, slab: number }} UpdateMessage */
/** @typedef {{ kind: 'digest', session: number, tail: Uint8Array }} DigestMessage */
/** @typedef {{ kind: 'drop', session: number }} DropMessage */

/** @type {Map<number, Uint8Array>} */
const slabs = new Map();
/** @type {Map<number, import('node:crypto').Hash>} */
const sessions = new Map();

/** @param {number} session */
function hashOf(session) {
  const known = sessions.get(session);
  if (known) return known;
  const hash = createHash('sha256');
  sessions.set(session, hash);
  return hash;
}

parentPort?.on(
  'message',
  (/** @type {SlabMessage | ForgetMessage | UpdateMessage | DigestMessage | DropMessage} */ message) => {
    switch (message.kind) {
      case 'slab':
        slabs.set(message.slab, new Uint8Array(message.memory));
        break;
      case 'forget':
        slabs.delete(message.slab);
        break;
      case 'update': {
        const memory = slabs.get(message.slab);
        if (!memory) throw new Error(`unknown slab ${message.slab}`);
        hashOf(message.session).update(memory);
        parentPort?.postMessage({ session: message.session, slab: message.slab });
        break;
      }
      case 'digest': {
        const digest = hashOf(message.session).update(message.tail).digest('hex');
        sessions.delete(message.session);
        parentPort?.postMessage({ session: message.session, digest });
        break;
      }
      case 'drop':
        sessions.delete(message.session);
        break;
    }
  },
);
