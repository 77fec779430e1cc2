import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { KeyRing, SigningKey } from '../core/access/object-token.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import { errnoOf } from './file-calls.ts';
import { KeyRingError, formatKeyFile, parseKeyFile } from './key-file.ts';
import { syncFolder } from './sync-folder.ts';

const DAY_MS = 86_400_000;
const SECRET_BYTES = 32;
const RETRY_AFTER_FAILURE_MS = 600_000;
/** Timers cannot be set for longer than 24 days; looking once a day also catches a wall clock that was put right. */
const LONGEST_SLEEP_MS = DAY_MS;

export interface KeyRingOptions {
  /** Absolute path of the key file, in the data folder. */
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long an object URL is good for: an old key verifies for so long after its replacement. */
  readonly urlLifetimeMs: number;
  /** Age at which the newest key is replaced by itself. Default 30 days. */
  readonly rotateAfterMs?: number;
}

/** The keys of object URLs, kept in a file of mode 0600. */
export interface FileKeyRing extends KeyRing {
  /** Signs with a new key from now on. Resolves once it is durable. @returns the new key's id. */
  rotate(): Promise<string>;
  /**
   * Looks whether the file still holds the keys in use. @returns what is wrong, in words; undefined: nothing. URLs are
   * signed all the same, but the next start would break those handed out, or fail.
   */
  check(): Promise<string | undefined>;
  /** Stops the automatic rotation and waits for one under way. */
  close(): Promise<void>;
}

/**
 * Opens the key file, or makes it at the first start.
 * @throws KeyRingError where the file cannot be read or written, is damaged, or is open to group or others: signing
 * with a key that others may know, or silently with a new one, would both be worse than not starting.
 */
export async function openKeyRing(options: KeyRingOptions): Promise<FileKeyRing> {
  const { file, clock, logger, urlLifetimeMs, rotateAfterMs = 30 * DAY_MS } = options;
  if (!(urlLifetimeMs > 0) || !(rotateAfterMs > 0)) throw new RangeError('key lifetimes must be above 0 ms');

  // Oldest first; each is replaced by its successor.
  let keys: readonly SigningKey[] = (await readKeyFile(file)) ?? [];
  let turn: Promise<unknown> = Promise.resolve();
  let cancelTimer = (): void => undefined;
  let isClosed = false;
  let rotationTrouble: string | undefined;

  const expiryOf = (index: number): number => (keys[index + 1]?.createdAt ?? Infinity) + urlLifetimeMs;
  const inForce = (now: number): readonly SigningKey[] => keys.filter((_, index) => expiryOf(index) >= now);
  const isRotationDue = (now: number): boolean =>
    (keys.at(-1)?.createdAt ?? -Infinity) + rotateAfterMs <= now;

  const save = async (changed: readonly SigningKey[]): Promise<void> => {
    await writeKeyFile(file, changed);
    keys = changed;
  };
  const addKey = async (): Promise<string> => {
    const now = clock.now();
    const key = { id: randomBytes(6).toString('hex'), secret: randomBytes(SECRET_BYTES), createdAt: now };
    const isFirst = keys.length === 0;
    await save([...inForce(now), key]);
    logger.info(
      { keyId: key.id, keys: keys.length },
      isFirst ? 'object URL key made' : 'object URL key rotated',
    );
    return key.id;
  };
  const maintain = async (): Promise<void> => {
    if (isRotationDue(clock.now())) await addKey();
    const kept = inForce(clock.now());
    if (kept.length < keys.length) await save(kept);
  };
  /** Changes of the file happen one after the other. */
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const run = turn.then(change);
    turn = run.catch(() => undefined);
    return run;
  };
  const schedule = (delayMs: number): void => {
    cancelTimer();
    if (isClosed) return;
    cancelTimer = clock.after(delayMs, () => {
      inTurn(maintain).then(
        () => {
          rotationTrouble = undefined;
          schedule(untilNextChange());
        },
        (error: unknown) => {
          rotationTrouble = `a new key could not be stored (${error instanceof Error ? error.message : 'failed'})`;
          logger.error({ err: error }, 'object URL keys could not be rotated; the present key stays in use');
          schedule(RETRY_AFTER_FAILURE_MS);
        },
      );
    });
  };
  const untilNextChange = (): number => {
    const changes = [current().createdAt + rotateAfterMs, expiryOf(0) + 1];
    return Math.min(LONGEST_SLEEP_MS, Math.max(0, Math.min(...changes) - clock.now()));
  };
  const current = (): SigningKey => {
    const key = keys.at(-1);
    if (key === undefined) throw new KeyRingError(`${file} holds no key`);
    return key;
  };

  await inTurn(maintain);
  schedule(untilNextChange());

  return {
    current,
    find(id) {
      const index = keys.findIndex((key) => key.id === id);
      return index >= 0 && expiryOf(index) >= clock.now() ? keys[index] : undefined;
    },
    async rotate() {
      const id = await inTurn(addKey);
      schedule(untilNextChange());
      return id;
    },
    check: () =>
      inTurn(async () => {
        try {
          const stored = await readKeyFile(file);
          if (stored === undefined)
            return `the key file ${file} is gone: the next start makes new keys, and URLs handed out stop working`;
          const isHeld = stored.length === keys.length && stored.every(({ id }, at) => id === keys[at]?.id);
          return isHeld ? rotationTrouble : `the key file ${file} holds other keys than those in use`;
        } catch (error) {
          return error instanceof Error ? error.message : String(error);
        }
      }),
    async close() {
      isClosed = true;
      cancelTimer();
      await turn;
    },
  };
}

async function readKeyFile(file: string): Promise<readonly SigningKey[] | undefined> {
  let handle: fs.FileHandle;
  try {
    handle = await fs.open(file, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new KeyRingError(`cannot read the key file ${file}: ${errnoOf(error) ?? 'failed'}`, {
      cause: error,
    });
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new KeyRingError(`the key file ${file} is not a regular file`);
    // Windows has no such mode bits; access there is by the folder's ACL.
    if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
      const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
      throw new KeyRingError(
        `the key file ${file} is open to group or others (mode ${mode}): its keys may be known to them. ` +
          `Delete it to start with new keys (object URLs handed out so far stop working), or run: chmod 600 ${file}`,
      );
    }
    return parseKeyFile(await handle.readFile('utf8'), file);
  } catch (error) {
    if (error instanceof KeyRingError) throw error;
    throw new KeyRingError(`cannot read the key file ${file}: ${errnoOf(error) ?? 'failed'}`, {
      cause: error,
    });
  } finally {
    await handle.close();
  }
}

/** Replaces the file in one step: a crash leaves the old file or the new one, both whole and durable. */
async function writeKeyFile(file: string, keys: readonly SigningKey[]): Promise<void> {
  const draft = `${file}.new`;
  const folder = path.dirname(file);
  try {
    await fs.mkdir(folder, { recursive: true, mode: 0o750 });
    await fs.rm(draft, { force: true });
    const handle = await fs.open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(formatKeyFile(keys));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(draft, file);
    await syncFolder(folder);
  } catch (error) {
    throw new KeyRingError(`cannot write the key file ${file}: ${errnoOf(error) ?? 'failed'}`, {
      cause: error,
    });
  }
}
