// @ts-check
import fs from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';

/** What direct transfers ask of place, length and memory, on all common disks and file systems. */
const BLOCK_BYTES = 4096;
/** What is worth a transfer that is waited for; smaller ones are the page cache's to gather. */
const MIN_BYTES = 64 * 1024;
/** A disk that takes longer over a transfer gains more by the page cache, which lets it put transfers together, */
const SLOW_MS = 3;
/** unless it was for a moment: so many transfers in a row. */
const SLOW_TRANSFERS = 4;
/** What the page cache gets then, until the disk is tried again. */
const REST_TRANSFERS = 1024;

/**
 * Writing past the page cache (O_DIRECT): the disk takes the bytes from where they lie, so the processor neither copies
 * them nor finds and gives back pages for them, the sync at the end finds them done, and what is received does not
 * drive the index out of memory. Linux only, and not everywhere there: what cannot be written so is left to the caller.
 */
export class DirectWrites {
  #isPossible = process.platform === 'linux';
  #now;
  /** In a row, up to now. */
  #slow = 0;
  #resting = 0;

  /** @param {() => number} now ms */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /**
   * @param {() => number} open gives the file's descriptor for direct writing; to be closed by the caller
   * @param {readonly Uint8Array[]} pieces that follow one another @param {number} position of the first in the file
   * @returns {number} how many of the bytes are on the disk, but for a sync; the others are for the page cache
   * @throws what the disk says
   */
  write(open, pieces, position) {
    if (!this.#isPossible || position % BLOCK_BYTES !== 0) return 0;
    const { blocks, bytes } = wholeBlocks(pieces);
    if (bytes < MIN_BYTES) return 0;
    if (this.#resting > 0) {
      this.#resting -= 1;
      return 0;
    }
    const begin = this.#now();
    try {
      const written = fs.writevSync(open(), blocks, position);
      this.#took(this.#now() - begin);
      return written;
    } catch (error) {
      // The file system has no such thing, or asks more of the memory than it was made for.
      if (!isUnsupported(error)) throw error;
      this.#isPossible = false;
      return 0;
    }
  }

  /** @param {number} ms */
  #took(ms) {
    this.#slow = ms > SLOW_MS ? this.#slow + 1 : 0;
    if (this.#slow < SLOW_TRANSFERS) return;
    this.#slow = 0;
    this.#resting = REST_TRANSFERS;
  }
}

/** What of the pieces can go in one transfer: as far as they are blocks without a remainder. @param {readonly Uint8Array[]} pieces */
function wholeBlocks(pieces) {
  /** @type {Uint8Array[]} */
  const blocks = [];
  let bytes = 0;
  for (const piece of pieces) {
    const odd = piece.length % BLOCK_BYTES;
    if (odd < piece.length) blocks.push(odd === 0 ? piece : piece.subarray(0, piece.length - odd));
    bytes += piece.length - odd;
    if (odd > 0) break;
  }
  return { blocks, bytes };
}

/** @param {unknown} error */
function isUnsupported(error) {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'EINVAL' || error.code === 'ENOTSUP' || error.code === 'EOPNOTSUPP';
}
