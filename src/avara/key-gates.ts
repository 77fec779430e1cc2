import { retryDelay } from '../core/delivery/retry-policy.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { CustomerKey } from '../core/study/instance.ts';

/** Waits before the 1st, 2nd, … probe of a refused API key, milliseconds; the last one repeats. */
const PROBE_DELAYS_MS = [60_000, 120_000, 300_000, 600_000] as const;

/** Backing off from a rate limit that names no time. */
const RATE_LIMIT_BACKOFF = { baseMs: 2_000, capMs: 600_000 };

/** Why nothing is sent with an API key. */
export type HoldCause =
  /** 401 or 403. */
  | 'refused'
  /** 429. */
  | 'rate-limited';

/** An API key that is held back. */
export interface KeyHold {
  readonly cause: HoldCause;
  /** What Avara said. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** From then on one entry may try whether the key works again. */
  readonly until: number;
  readonly isProbing: boolean;
}

/** What an attempt tells about the API key it used. */
export type KeyEvidence =
  /** Avara understood and decided. */
  | { readonly kind: 'works' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'rate-limited'; readonly reason: string; readonly retryAfterMs?: number | undefined }
  /** No answer from Avara, or one that says nothing of the key. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** A fault of ours. */
  | { readonly kind: 'none' };

export interface KeyGatesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Which API keys may be used. Each change is logged once: a thousand waiting studies make one line, not a thousand. */
export interface KeyGates {
  holdOf(fingerprint: string): KeyHold | undefined;
  /** Since when nothing but failures without a verdict came back; undefined where all is well. */
  failingSince(fingerprint: string): number | undefined;
  /** Marks the one attempt that finds out whether a held key works again. */
  beginProbe(fingerprint: string): void;
  report(
    fingerprint: string,
    customers: readonly CustomerKey[],
    evidence: KeyEvidence,
    isProbe: boolean,
  ): void;
  /** Forgets a hold that another one takes the place of. */
  drop(fingerprint: string): void;
  /** Lets all held keys be probed at once: an operator says that the cause is mended. */
  probeNow(): void;
}

interface GateState {
  hold: (KeyHold & { readonly probes: number }) | undefined;
  outage: { since: number; failures: number } | undefined;
}

export function createKeyGates(options: KeyGatesOptions): KeyGates {
  const { clock, logger, random } = options;
  const gates = new Map<string, GateState>();

  function gateOf(fingerprint: string): GateState {
    const known = gates.get(fingerprint);
    if (known !== undefined) return known;
    const gate: GateState = { hold: undefined, outage: undefined };
    gates.set(fingerprint, gate);
    return gate;
  }

  function beginProbe(fingerprint: string): void {
    const gate = gateOf(fingerprint);
    if (gate.hold !== undefined) gate.hold = { ...gate.hold, isProbing: true };
  }

  function report(
    fingerprint: string,
    customers: readonly CustomerKey[],
    evidence: KeyEvidence,
    isProbe: boolean,
  ): void {
    const gate = gateOf(fingerprint);
    const fields = { keyFingerprint: fingerprint, customers };
    noteOutage(gate, evidence, fields);
    const { hold } = gate;
    switch (evidence.kind) {
      case 'works':
        // Only the probe counts: other attempts may have been answered before the key was held.
        if (hold !== undefined && isProbe) release(gate, hold, fields);
        return;
      case 'none':
      case 'unknown':
        if (hold === undefined || !isProbe) return;
        if (hold.cause === 'rate-limited') release(gate, hold, fields);
        else gate.hold = nextProbe(hold, hold.reason);
        return;
      case 'refused':
        if (hold?.cause === 'refused') {
          if (isProbe) gate.hold = nextProbe(hold, evidence.reason);
          return;
        }
        gate.hold = refusedHold(evidence.reason);
        logger.error(
          { ...fields, reason: evidence.reason, nextProbeAt: new Date(gate.hold.until).toISOString() },
          'Avara refuses an API key: the studies of its customers wait until it works again',
        );
        return;
      case 'rate-limited':
        if (hold?.cause === 'refused' && !isProbe) return;
        gate.hold = rateLimitedHold(hold, evidence, isProbe);
        if (hold?.cause === 'rate-limited') return;
        logger.warn(
          { ...fields, reason: evidence.reason, resumesAt: new Date(gate.hold.until).toISOString() },
          'Avara asks to slow down: nothing is sent with this API key for a while',
        );
    }
  }

  function noteOutage(gate: GateState, evidence: KeyEvidence, fields: object): void {
    if (evidence.kind === 'none') return;
    if (evidence.kind === 'unknown') {
      if (gate.outage === undefined) {
        gate.outage = { since: clock.now(), failures: 0 };
        logger.warn(
          { ...fields, reason: evidence.reason },
          'Avara cannot be reached: deliveries are repeated',
        );
      }
      gate.outage.failures += 1;
      return;
    }
    if (gate.outage === undefined) return;
    const { since, failures } = gate.outage;
    gate.outage = undefined;
    const seconds = Math.round((clock.now() - since) / 1000);
    logger.info({ ...fields, failures, seconds }, 'Avara answers again');
  }

  function release(gate: GateState, hold: KeyHold, fields: object): void {
    gate.hold = undefined;
    const seconds = Math.round((clock.now() - hold.since) / 1000);
    logger.info({ ...fields, cause: hold.cause, seconds }, 'an API key works again: deliveries go on');
  }

  function refusedHold(reason: string): NonNullable<GateState['hold']> {
    const now = clock.now();
    return {
      cause: 'refused',
      reason,
      since: now,
      until: now + PROBE_DELAYS_MS[0],
      isProbing: false,
      probes: 0,
    };
  }

  function nextProbe(hold: NonNullable<GateState['hold']>, reason: string): NonNullable<GateState['hold']> {
    const probes = hold.probes + 1;
    const delay = PROBE_DELAYS_MS[Math.min(probes, PROBE_DELAYS_MS.length - 1)] ?? PROBE_DELAYS_MS[0];
    return { ...hold, reason, probes, until: clock.now() + delay, isProbing: false };
  }

  function rateLimitedHold(
    before: GateState['hold'],
    evidence: Extract<KeyEvidence, { kind: 'rate-limited' }>,
    isProbe: boolean,
  ): NonNullable<GateState['hold']> {
    const now = clock.now();
    const held = before?.cause === 'rate-limited' ? before : undefined;
    // Attempts that were under way together are one refusal, not several.
    const probes = (held?.probes ?? 0) + (isProbe ? 1 : 0);
    const delay = retryDelay({
      attempts: probes + 1,
      retryAfterMs: evidence.retryAfterMs,
      minimumMs: evidence.retryAfterMs ?? RATE_LIMIT_BACKOFF.baseMs,
      random,
      backoff: RATE_LIMIT_BACKOFF,
    });
    return {
      cause: 'rate-limited',
      reason: evidence.reason,
      since: held?.since ?? now,
      until: Math.max(now + delay, isProbe ? 0 : (held?.until ?? 0)),
      isProbing: !isProbe && (held?.isProbing ?? false),
      probes,
    };
  }

  function probeNow(): void {
    const now = clock.now();
    for (const gate of gates.values()) {
      if (gate.hold?.cause === 'refused') gate.hold = { ...gate.hold, until: Math.min(gate.hold.until, now) };
    }
  }

  return {
    holdOf: (fingerprint) => gates.get(fingerprint)?.hold,
    failingSince: (fingerprint) => gates.get(fingerprint)?.outage?.since,
    drop: (fingerprint) => void gates.delete(fingerprint),
    beginProbe,
    report,
    probeNow,
  };
}
