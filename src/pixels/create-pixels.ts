import type { PictureRenderer } from '../core/ports/picture-renderer.ts';
import type { PixelCodec } from '../core/ports/pixel-codec.ts';
import { startWorker } from '../platform/start-worker.ts';
import { createPictureRenderer } from './picture-renderer.ts';
import { createPixelCodec } from './pixel-codec.ts';
import { createWorkerPool } from './worker-pool.ts';
import type { PixelJobOutcome } from './worker-pool.ts';

export interface PixelsOptions {
  /** Folder for objects being transcoded; emptied before its first use. */
  readonly spoolFolder: string;
  /** Whether the disk has room for more than what is received. */
  readonly hasSpace: () => boolean;
  /** Threads at once. Default 2. */
  readonly workers?: number;
  /** Jobs that wait for a thread. Default 64. */
  readonly maxWaiting?: number;
  /** How long a thread may be silent over a frame. Default 30 s. */
  readonly timeoutMs?: number;
  /** How long a thread without work stays. Default 30 s. */
  readonly idleMs?: number;
  /** Hears how each job ended. */
  readonly onOutcome?: (outcome: PixelJobOutcome) => void;
}

export interface Pixels {
  readonly codec: PixelCodec;
  readonly renderer: PictureRenderer;
  /** Jobs that wait for a thread, and those that have one. */
  readonly load: () => { readonly waiting: number; readonly running: number };
  close(): Promise<void>;
}

/** JavaScript's own memory in a thread, in MiB; that of pixels is bounded by the size of frames. */
const MAX_HEAP_MIB = 256;

/** Decoding, transcoding and rendering, which share their threads. Nothing runs before the first job. */
export function createPixels({
  spoolFolder,
  hasSpace,
  workers = 2,
  maxWaiting = 64,
  timeoutMs = 30_000,
  idleMs = 30_000,
  onOutcome,
}: PixelsOptions): Pixels {
  const pool = createWorkerPool({
    start: () =>
      startWorker(new URL('./pixel-worker.ts', import.meta.url), {
        resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
      }),
    workers,
    maxWaiting,
    timeoutMs,
    idleMs,
    onOutcome,
  });
  const codec = createPixelCodec({ pool, spoolFolder, hasSpace });
  const renderer = createPictureRenderer(pool, { concurrency: workers, maxWaiting });
  return { codec, renderer, load: () => pool.load, close: () => codec.close() };
}
