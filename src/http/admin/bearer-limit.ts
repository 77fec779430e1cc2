import { isIPv6 } from 'node:net';

import type { Clock } from '../../core/ports/clock.ts';

const WINDOW_MS = 10 * 60_000;
const MAX_WRONG_TOKENS = 8;
const MAX_PEERS = 10_000;

/** Counts the wrong tokens of an address; none is looked at while there were too many. */
export interface BearerLimit {
  /** Seconds to wait; 0: go on. */
  retryAfterSeconds(peerAddress: string): number;
  /** @param digest of the token. @returns whether it is the first time within the window. */
  failed(peerAddress: string, digest: string): boolean;
}

/**
 * Eight different wrong tokens of an address within ten minutes; then the ten minutes must pass. One that comes again is
 * no other guess: a program with an old token locks nobody out. Addresses are counted apart, so that whoever guesses
 * keeps the right token out from nowhere else; of IPv6, where one machine has many, by their /64.
 */
export function createBearerLimit(clock: Pick<Clock, 'now'>): BearerLimit {
  const peers = new Map<string, { readonly endsAt: number; readonly wrong: Set<string> }>();
  const ofPeer = (peerAddress: string) => {
    const key = networkOf(peerAddress);
    const peer = peers.get(key);
    if (peer === undefined || clock.now() < peer.endsAt) return { key, peer };
    peers.delete(key);
    return { key, peer: undefined };
  };
  return {
    retryAfterSeconds(peerAddress) {
      const { peer } = ofPeer(peerAddress);
      if (peer === undefined || peer.wrong.size < MAX_WRONG_TOKENS) return 0;
      return Math.ceil((peer.endsAt - clock.now()) / 1000);
    },
    failed(peerAddress, digest) {
      const { key, peer } = ofPeer(peerAddress);
      if (peer === undefined) {
        const [oldest] = peers.keys();
        if (peers.size >= MAX_PEERS && oldest !== undefined) peers.delete(oldest);
        peers.set(key, { endsAt: clock.now() + WINDOW_MS, wrong: new Set([digest]) });
        return true;
      }
      const isNew = !peer.wrong.has(digest);
      peer.wrong.add(digest);
      return isNew;
    },
  };
}

/** An IPv4 address as it is, of an IPv6 address the first 64 bits. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  return [...front, ...Array<string>(zeros).fill('0'), ...back].slice(0, 4).join(':');
}
