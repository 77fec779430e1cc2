import type { Network, Receiver } from './receivers.ts';
import { send } from './sender.ts';

/** A receiver that is slow for minutes is not made faster by more. */
const ENOUGH_SECONDS = 15;
/** Per Association of the warm-up. With Nagle on an object can take 90 ms. */
const BATCH: Readonly<Record<Network, number>> = { tuned: 250, installed: 50 };

export interface WarmUp {
  readonly objects: number;
  /** Seconds per object right after the start. */
  readonly firstPace: number;
  /** Seconds per object at its end. */
  readonly pace: number;
}

/**
 * Brings a receiver to the pace that it keeps: a daemon runs for months, and what it does in the first seconds (compiling
 * itself, filling caches) says nothing of that. All receivers get the same, and the pace at the start is told as well.
 */
export async function warmUp(to: Receiver, files: readonly string[], network: Network): Promise<WarmUp> {
  const paces: number[] = [];
  let objects = 0;
  let seconds = 0;
  while (objects < files.length && seconds < ENOUGH_SECONDS) {
    const batch = files.slice(objects, objects + BATCH[network]);
    const took = await send({ to, associations: [batch], network });
    objects += batch.length;
    seconds += took;
    paces.push(took / batch.length);
  }
  return { objects, firstPace: paces[0] ?? 0, pace: paces.at(-1) ?? 0 };
}
