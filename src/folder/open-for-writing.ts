import fs from 'node:fs/promises';
import path from 'node:path';

import { textOfName } from './system-path.ts';

/** A look at all processes is worth this share of one thread at most. */
const MAX_DUTY = 0.05;
const MIN_INTERVAL_MS = 500;
/** O_WRONLY and O_RDWR. */
const WRITING_MODES = 0b11;
const NOTHING = Buffer.alloc(0);

/**
 * Knows which files below a folder are open for writing, as far as Linux lets this user see: a service sees its own
 * user's processes, root sees all. Where it cannot be known, the answer is no, and size and time have to do.
 */
export class WriterWatch {
  readonly #folder: string;
  readonly #now: () => number;
  #open: ReadonlySet<string> = new Set();
  #notBefore = 0;
  #looking: Promise<void> | undefined;

  /** @param now monotonic or wall clock, milliseconds. */
  constructor(folder: string, now: () => number) {
    this.#folder = folder;
    this.#now = now;
  }

  /** Looks again, unless that was done a moment ago or costs too much. Never rejects. */
  async refresh(): Promise<void> {
    if (process.platform !== 'linux' || this.#now() < this.#notBefore) return this.#looking;
    const startedAt = this.#now();
    this.#notBefore = Number.POSITIVE_INFINITY;
    this.#looking = findOpenForWriting(this.#folder)
      .then(
        (open) => {
          this.#open = open;
        },
        () => {
          this.#open = new Set();
        },
      )
      .finally(() => {
        const now = this.#now();
        this.#notBefore = now + Math.max(MIN_INTERVAL_MS, (now - startedAt) / MAX_DUTY);
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** Whether some process had the file open for writing at the last look. */
  has(filePath: string): boolean {
    return this.#open.has(filePath);
  }
}

async function findOpenForWriting(folder: string): Promise<Set<string>> {
  const rootBytes = Buffer.from((await fs.realpath(folder)) + path.sep);
  const found = new Set<string>();
  for (const pid of await fs.readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    // Other users' processes do not tell, and processes come and go.
    const descriptors = await fs.readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const link = await fs.readlink(`/proc/${pid}/fd/${descriptor}`, 'buffer').catch(() => NOTHING);
      if (!link.subarray(0, rootBytes.length).equals(rootBytes)) continue;
      const info = await fs.readFile(`/proc/${pid}/fdinfo/${descriptor}`, 'latin1').catch(() => '');
      const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8);
      if ((flags & WRITING_MODES) !== 0)
        found.add(path.join(folder, textOfName(link.subarray(rootBytes.length))));
    }
  }
  return found;
}
