// @ts-check
import { createRequire } from 'node:module';
import process from 'node:process';

import { InstallationError } from '../platform/installation-error.mjs';

/** What the build of better-sqlite3 13 is made against; older ones crash in it. Node.js has it from 22.14 on. */
const NODE_API_VERSION = 10;
/** The first Node.js in which better-sqlite3 12 may abort the process, when garbage is collected between two turns. */
const UNSAFE_NODE_MAJOR = 24;

/** @typedef {typeof import('better-sqlite3')} Driver */

/**
 * SQLite for the Node.js that runs: no release of better-sqlite3 serves them all. Node.js 20 has only 12; from 24.19 on,
 * only 13 is safe.
 * @param {(name: string) => unknown} load
 * @param {{ node: string, nodeApi: string | undefined }} versions of the Node.js that runs
 * @returns {Driver}
 * @throws {InstallationError} where there is none for it.
 */
export function chooseDriver(load, { node, nodeApi }) {
  if (Number(nodeApi ?? 0) < NODE_API_VERSION) return /** @type {Driver} */ (load('better-sqlite3'));
  try {
    return /** @type {Driver} */ (load('better-sqlite3-node-api'));
  } catch (error) {
    // No binary for this machine, or an old C library.
    if (Number.parseInt(node, 10) < UNSAFE_NODE_MAJOR) return /** @type {Driver} */ (load('better-sqlite3'));
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new InstallationError(`SQLite cannot be used with Node.js ${node} on this machine: ${reason}`, {
      hint: 'install again with this Node.js and with optional packages; where the C library is older than glibc 2.34, use Node.js 22',
      cause: error,
    });
  }
}

/** SQLite's databases; everything but types comes from here. */
export const Database = chooseDriver(createRequire(import.meta.url), {
  node: process.versions.node,
  nodeApi: process.versions.napi,
});
