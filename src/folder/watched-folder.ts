import fs from 'node:fs/promises';
import path from 'node:path';

import type { Clock } from '../core/ports/clock.ts';
import type { FolderStatus } from '../core/ports/file-intake.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import { DirectoryWatch } from './directory-watch.ts';
import { lookAt } from './disposal.ts';
import type { AfterImport, FileDesk } from './file-desk.ts';
import { ASIDE_PREFIX, createNameFilter, isLeftAlone } from './file-names.ts';
import { stampOf } from './file-stamp.ts';
import { isOnLocalFileSystem } from './file-system-kind.ts';
import { lookAtMoveTarget, overlaps } from './move-target.ts';
import { WriterWatch } from './open-for-writing.ts';
import { errorCode } from './source-file.ts';
import { steadyNow } from './steady-now.ts';
import { systemPath } from './system-path.ts';
import { isAskedFor, WaitingFiles } from './waiting-files.ts';
import { walk } from './walk.ts';

/** How often the folder itself is looked for: it may be unmounted, or come back. */
const ROOT_CHECK_MS = 2000;
/** Events can be lost, so also a folder that has them is listed now and then. */
const RELIST_MS = 60_000;
/** Listing takes at most this share of the time. */
const MAX_LISTING_DUTY = 0.1;
/** Events not yet looked at; beyond it the folder is listed instead. */
const MAX_HINTS = 10_000;

/** A folder as configured. */
export interface FolderSettings {
  /** Absolute. */
  readonly path: string;
  readonly customer: CustomerKey;
  readonly afterImport: 'delete' | 'move' | 'keep';
  /** Absolute; with `move`. */
  readonly moveTo?: string | undefined;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly settledAfterMs: number;
  readonly quarantineAfterMs: number;
  readonly concurrency: number;
  readonly watch: 'auto' | 'events' | 'polling';
  readonly pollIntervalMs: number;
}

export interface WatchedFolderOptions {
  readonly settings: FolderSettings;
  readonly desk: FileDesk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Folders that this one must not overlap, by their real paths: the data folder, and the others that are watched. */
  readonly othersFolders: () => readonly string[];
}

/** The folder and file system that a path stands for; a mount or unmount changes it. */
interface RootIdentity {
  readonly device: number;
  readonly inode: number;
}

/**
 * Watches one folder with all below it. Listing finds the files, at the start and again and again; events only tell
 * sooner. So nothing is missed that came while the daemon was down, the share was away, or events were lost.
 */
export class WatchedFolder {
  readonly settings: FolderSettings;
  readonly #options: WatchedFolderOptions;
  readonly #waiting: WaitingFiles;
  readonly #isMeant: (relativePath: string) => boolean;
  readonly #hints = new Set<string>();
  #state: FolderStatus['state'] = 'starting';
  #detail: string | undefined;
  #root: RootIdentity | undefined;
  #isLocal = false;
  /** Once it was one: a reload or restart is to be told if it is to be none any more. */
  #isMountPoint = false;
  #realPath: string | undefined;
  /** `moveTo`, and where it leads below this folder: what lies there was taken. */
  #takenBefore: readonly string[] = [];
  #watch: DirectoryWatch | undefined;
  #listAt = 0;
  #isTakingHints = false;
  #isStopped = false;
  #wake: () => void = () => undefined;
  #loop: Promise<void> = Promise.resolve();
  readonly #warnedFolders = new Set<string>();

  constructor(options: WatchedFolderOptions) {
    const { settings, desk, clock, logger } = options;
    this.#options = options;
    this.settings = settings;
    this.#isMeant = createNameFilter(settings);
    this.#waiting = new WaitingFiles({
      customer: settings.customer,
      folder: settings.path,
      concurrency: settings.concurrency,
      rules: () => ({
        settleMs: settings.settledAfterMs,
        patienceMs: settings.quarantineAfterMs,
        isLocal: this.#isLocal,
      }),
      jobOf: (filePath) => ({ after: this.#afterImport(filePath) }),
      desk,
      writers: new WriterWatch(settings.path, steadyNow),
      clock,
      logger,
    });
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Lets the files in work come to their end. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watch?.close();
    this.#wake();
    await this.#waiting.stop();
    await this.#loop;
    this.#state = 'stopped';
  }

  status(): FolderStatus {
    const { path: folder, customer, afterImport } = this.settings;
    const { total, lastTakenAt, pauseReason, trouble } = this.#waiting;
    const detail = pauseReason ?? this.#detail ?? trouble.summary;
    return {
      path: folder,
      customer,
      state: pauseReason === undefined ? this.#state : 'paused',
      ...(detail !== undefined && { detail }),
      afterImport,
      waiting: this.#waiting.size,
      inTrouble: trouble.files,
      ...total,
      ...(lastTakenAt !== undefined && { lastTakenAt: new Date(lastTakenAt).toISOString() }),
    };
  }

  /** What the path stands for, once it was there. */
  get realPath(): string | undefined {
    return this.#realPath;
  }

  /** Files of that name which are still to be taken. */
  find(name: string): ReturnType<WaitingFiles['find']> {
    return this.#waiting.find((filePath) => isAskedFor(filePath, name));
  }

  async #run(): Promise<void> {
    const { logger } = this.#options;
    while (!this.#isStopped) {
      try {
        await this.#checkRoot();
        if (this.#root !== undefined && steadyNow() >= this.#listAt) await this.#list();
      } catch (error) {
        logger.error(
          { err: error, folder: this.settings.path },
          'a watched folder could not be looked through',
        );
      }
      await this.#sleep();
    }
  }

  /** Until the next listing or look at the root, or until something wakes us. */
  #sleep(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    const { clock } = this.#options;
    const untilListing = this.#root === undefined ? ROOT_CHECK_MS : this.#listAt - steadyNow();
    return new Promise((resolve) => {
      const cancel = clock.after(Math.max(0, Math.min(ROOT_CHECK_MS, untilListing)), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  async #checkRoot(): Promise<void> {
    const folder = this.settings.path;
    let root: RootIdentity;
    let isMountPoint: boolean;
    let realPath: string;
    try {
      const stats = await fs.stat(folder);
      if (!stats.isDirectory()) {
        this.#missing('it is not a folder');
        return;
      }
      root = { device: stats.dev, inode: stats.ino };
      realPath = await fs.realpath(folder);
      isMountPoint = stats.dev !== (await fs.stat(path.dirname(realPath))).dev;
    } catch (error) {
      this.#missing(
        errorCode(error) === 'ENOENT' ? 'it does not exist' : `it cannot be reached (${errorCode(error)})`,
      );
      return;
    }
    if (!(await this.#hasGoodTarget(realPath))) return;
    if (this.#root?.device === root.device && this.#root.inode === root.inode) return;
    // What is below a mount point when nothing is mounted there is not what is meant.
    if (this.#isMountPoint && !isMountPoint) {
      this.#missing('nothing is mounted there any more');
      return;
    }
    // The configuration is checked for it, but cannot see through symbolic links.
    const other = this.#options.othersFolders().find((one) => overlaps(one, realPath));
    if (other !== undefined) {
      this.#missing(`it leads to ${realPath}, which overlaps ${other}`);
      return;
    }
    this.#isMountPoint = isMountPoint;
    this.#realPath = realPath;
    await this.#attach(root);
  }

  /** Looked at each time, because a link can be made at any time. */
  async #hasGoodTarget(realPath: string): Promise<boolean> {
    const { moveTo, path: folder } = this.settings;
    if (moveTo === undefined) return true;
    const others = this.#options.othersFolders();
    try {
      const target = await lookAtMoveTarget(moveTo, { path: folder, realPath, others });
      if (target.kind === 'refused') {
        this.#missing(target.reason);
        return false;
      }
      this.#takenBefore = target.inside === undefined ? [moveTo] : [moveTo, target.inside];
    } catch {
      // It cannot be reached: each move will say so, and files are stored meanwhile.
      this.#takenBefore = [moveTo];
    }
    return true;
  }

  async #attach(root: RootIdentity): Promise<void> {
    const { logger, settings } = this.#options;
    const wasMissing = this.#state === 'missing';
    this.#detach();
    const isLocal = await isOnLocalFileSystem(settings.path);
    const isPolling = settings.watch === 'polling' || (settings.watch === 'auto' && !isLocal);
    this.#isLocal = isLocal && settings.watch !== 'polling';
    this.#root = root;
    this.#listAt = 0;
    this.#detail = undefined;
    if (isPolling) this.#state = 'polling';
    else this.#beginWatching();
    const fields = { folder: settings.path, customer: settings.customer, mode: this.#state };
    logger.info(fields, wasMissing ? 'watched folder is back' : 'watching a folder');
  }

  #beginWatching(): void {
    this.#state = 'watching';
    const watch = new DirectoryWatch({
      onHint: (filePath) => {
        this.#hint(filePath);
      },
      onTrouble: (error) => {
        if (this.#watch !== watch) return;
        this.#watch.close();
        this.#watch = undefined;
        this.#state = 'polling';
        const code = errorCode(error);
        const hint = code === 'ENOSPC' ? 'raise fs.inotify.max_user_watches' : undefined;
        this.#options.logger.warn(
          { folder: this.settings.path, code, ...(hint !== undefined && { hint }) },
          'a watched folder gives no events any more; it is listed again and again instead',
        );
      },
    });
    this.#watch = watch;
  }

  #detach(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#root = undefined;
    this.#hints.clear();
    this.#waiting.forget();
  }

  #missing(reason: string): void {
    if (this.#state !== 'missing') {
      this.#options.logger.warn(
        {
          folder: this.settings.path,
          customer: this.settings.customer,
          reason,
          hint: 'is its disk or share mounted?',
        },
        'watched folder is missing; it is taken up when it is back',
      );
    }
    this.#detach();
    this.#state = 'missing';
    this.#detail = reason;
  }

  async #list(): Promise<void> {
    const startedAt = steadyNow();
    // Asked for again while it runs: there will be another one.
    this.#listAt = Number.POSITIVE_INFINITY;
    await this.#walkFrom(this.settings.path);
    const now = steadyNow();
    const intervalMs = this.#watch === undefined ? this.settings.pollIntervalMs : RELIST_MS;
    const restMs = Math.max(intervalMs, (now - startedAt) / MAX_LISTING_DUTY);
    this.#listAt = Math.min(this.#listAt, now + restMs);
  }

  async #walkFrom(folder: string): Promise<void> {
    const found = walk(folder, {
      isExcluded: (sub) => this.#takenBefore.includes(sub),
      onTrouble: (sub, error) => {
        this.#cannotList(sub, error);
      },
    });
    for await (const { kind, path: at } of found) {
      if (this.#isStopped || this.#root === undefined) return;
      if (kind === 'folder') this.#watch?.add(at);
      else if (kind === 'file' && this.#isMeant(this.#relative(at)) && !this.#waiting.isAttendedTo(at)) {
        await this.#waiting.room();
        await this.#offer(at);
      }
    }
  }

  #cannotList(folder: string, error: unknown): void {
    // Gone again before it could be listed.
    if (folder !== this.settings.path && errorCode(error) === 'ENOENT') return;
    if (this.#warnedFolders.has(folder)) return;
    this.#warnedFolders.add(folder);
    this.#options.logger.warn(
      { folder: this.settings.path, code: errorCode(error), hint: 'let the daemon’s user read it' },
      'a folder below a watched folder cannot be listed',
    );
  }

  async #offer(filePath: string): Promise<void> {
    const stamp = await lookAt(filePath);
    if (stamp !== undefined) this.#waiting.offer(filePath, stamp);
  }

  /** Something happened to a path. Cheap for files that wait already: they are looked at when they are due. */
  #hint(filePath: string): void {
    if (this.#waiting.isAttendedTo(filePath) || this.#isStopped) return;
    if (this.#hints.size >= MAX_HINTS || this.#waiting.isFull) {
      this.#listAt = 0;
      this.#wake();
      return;
    }
    this.#hints.add(filePath);
    if (!this.#isTakingHints) void this.#takeHints();
  }

  async #takeHints(): Promise<void> {
    this.#isTakingHints = true;
    try {
      for (const hint of this.#hints) {
        this.#hints.delete(hint);
        await this.#takeHint(hint);
      }
    } catch (error) {
      this.#options.logger.error(
        { err: error, folder: this.settings.path },
        'an event of a watched folder was lost',
      );
      this.#listAt = 0;
    } finally {
      this.#isTakingHints = false;
    }
  }

  async #takeHint(filePath: string): Promise<void> {
    const relative = this.#relative(filePath);
    if (relative === '' || relative.split('/').some(isLeftAlone)) return;
    // Ours, on its way out. One that a crash left behind is found by listing.
    if (path.basename(filePath).startsWith(ASIDE_PREFIX)) return;
    if (this.#takenBefore.some((one) => filePath === one || filePath.startsWith(one + path.sep))) return;
    const stats = await fs.lstat(systemPath(filePath)).catch(() => undefined);
    // A folder of that name may be another one than before.
    if (stats === undefined || stats.isDirectory()) this.#watch?.remove(filePath);
    if (stats === undefined) return;
    if (stats.isDirectory()) await this.#walkFrom(filePath);
    else if (stats.isFile() && this.#isMeant(relative)) this.#waiting.offer(filePath, stampOf(stats));
  }

  #relative(filePath: string): string {
    return path.relative(this.settings.path, filePath).split(path.sep).join('/');
  }

  #afterImport(filePath: string): AfterImport {
    const { afterImport, moveTo } = this.settings;
    if (afterImport !== 'move' || moveTo === undefined)
      return { kind: afterImport === 'keep' ? 'keep' : 'delete' };
    return { kind: 'move', target: path.join(moveTo, this.#relative(filePath)) };
  }
}
