import type { Logger } from '../core/ports/logger.ts';

/** Why files wait that could otherwise be done with. */
export type TroubleKind = 'unreadable' | 'not-removed' | 'not-quarantined' | 'failing';

/** The same trouble is told of again after so long at the earliest, should it come and go. */
const SILENCE_MS = 10 * 60_000;

const WORDS: Readonly<
  Record<TroubleKind, { level: 'warn' | 'error'; one: string; many: string; log: string; hint: string }>
> = {
  unreadable: {
    level: 'warn',
    one: 'file cannot be read',
    many: 'files cannot be read',
    log: 'a file in a watched folder cannot be read; it is tried again',
    hint: 'look for waiting files with "avara-ingest status --file"',
  },
  'not-removed': {
    level: 'error',
    one: 'file is stored but cannot be removed',
    many: 'files are stored but cannot be removed',
    log: 'files are stored but cannot be removed from the watched folder; it is tried again',
    hint: 'let the daemon’s user write to the folder and to moveTo, or set afterImport to "keep"',
  },
  'not-quarantined': {
    level: 'error',
    one: 'file cannot be put into quarantine',
    many: 'files cannot be put into quarantine',
    log: 'files of a watched folder cannot be put into quarantine; it is tried again',
    hint: 'let the daemon’s user write to the folder and to quarantine/ in the data folder; look for space there',
  },
  failing: {
    level: 'error',
    one: 'file could not be handled yet',
    many: 'files could not be handled yet',
    log: 'a file in a watched folder could not be handled yet; it is tried again',
    hint: 'the error says what failed here',
  },
};

interface Standing {
  count: number;
  code: string;
  isTold: boolean;
  notBefore: number;
}

/** Counts the files of one folder that are in trouble, and tells the log of each kind when it begins and ends. */
export class Troubles {
  readonly #standings = new Map<TroubleKind, Standing>();
  readonly #logger: Logger;
  readonly #folder: string;
  readonly #now: () => number;

  /** @param now milliseconds that only go forward. */
  constructor(logger: Logger, folder: string, now: () => number) {
    this.#logger = logger;
    this.#folder = folder;
    this.#now = now;
  }

  get count(): number {
    let sum = 0;
    for (const { count } of this.#standings.values()) sum += count;
    return sum;
  }

  /** In words, for people; undefined where there is none. */
  get summary(): string | undefined {
    const parts: string[] = [];
    for (const [kind, { count, code }] of this.#standings) {
      const { one, many } = WORDS[kind];
      if (count > 0) parts.push(`${count} ${count === 1 ? one : many} (${code})`);
    }
    return parts.length === 0 ? undefined : parts.join('; ');
  }

  /** One more file is in trouble. @param code the system's, of the latest failure. */
  add(kind: TroubleKind, code: string, error?: unknown): void {
    const standing = this.#standings.get(kind) ?? { count: 0, code, isTold: false, notBefore: 0 };
    this.#standings.set(kind, standing);
    standing.count += 1;
    standing.code = code;
    if (standing.isTold || this.#now() < standing.notBefore) return;
    standing.isTold = true;
    standing.notBefore = this.#now() + SILENCE_MS;
    const { level, log, hint } = WORDS[kind];
    const fields = { folder: this.#folder, code, ...(error !== undefined && { err: error }), hint };
    this.#logger[level](fields, log);
  }

  /** One less is in trouble. */
  remove(kind: TroubleKind): void {
    const standing = this.#standings.get(kind);
    if (standing === undefined) return;
    standing.count -= 1;
    if (standing.count > 0 || !standing.isTold) return;
    standing.isTold = false;
    this.#logger.info(
      { folder: this.#folder, trouble: kind },
      'the trouble with files of a watched folder is over',
    );
  }
}
