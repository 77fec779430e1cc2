import { createHash } from 'node:crypto';
import { z } from 'zod';
import { customerIdSchema } from './schemas.ts';
import type { Product } from './model.ts';
import { PRODUCTS } from './model.ts';

const milliseconds = z.number().min(0).max(3_600_000);

const retryAfterSchema = z.union([
  z.strictObject({ seconds: z.number().min(0) }),
  /** An HTTP date this far ahead. */
  z.strictObject({ dateInMs: milliseconds }),
  /** The `retry-after-ms` header. */
  z.strictObject({ ms: z.number().min(0) }),
]);

/**
 * What can go wrong:
 * - `latency`: the request waits, then goes on; adds to any other fault.
 * - `status`: an error reply; with `afterCommit` only after the request took effect.
 * - `reply-lost`: the request takes effect, then the connection is destroyed.
 * - `connection-reset`: the connection is reset before anything happens.
 * - `hang`: no reply until the client gives up; with `afterCommit` only after the request took effect.
 * - `wrong-customer`: another customer in the `reply` alone, or in the `state` too.
 * - `missing-study-id`: a reply of success without `studyId`.
 * - `invalid-json`: a reply of success cut in half.
 * - `slow-body`: the reply trickles out over `durationMs`.
 */
export const faultSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('latency'), ms: milliseconds }),
  z.strictObject({
    type: z.literal('status'),
    status: z.int().min(400).max(599),
    message: z.string().optional(),
    retryAfter: retryAfterSchema.optional(),
    /** Sends `x-should-retry`. */
    shouldRetry: z.boolean().optional(),
    afterCommit: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal('reply-lost') }),
  z.strictObject({ type: z.literal('connection-reset') }),
  z.strictObject({ type: z.literal('hang'), afterCommit: z.boolean().optional() }),
  z.strictObject({
    type: z.literal('wrong-customer'),
    in: z.enum(['reply', 'state']),
    /** null for no customer at all; left out, some other customer of the account. */
    expressCustomerId: customerIdSchema.nullable().optional(),
  }),
  z.strictObject({ type: z.literal('missing-study-id') }),
  z.strictObject({ type: z.literal('invalid-json') }),
  z.strictObject({ type: z.literal('slow-body'), durationMs: milliseconds }),
]);
export type Fault = z.infer<typeof faultSchema>;

const pathPattern = z.string().refine((text) => {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}, 'must be a regular expression');

/** A rule: which requests, how often, which fault. Without `times` and `probability` it strikes every time. */
export const faultRuleSchema = z.strictObject({
  match: z
    .strictObject({
      method: z.string().toUpperCase().optional(),
      /** Regular expression, searched for in the path. */
      path: pathPattern.optional(),
      product: z.enum(PRODUCTS).optional(),
    })
    .default({}),
  /** Matching requests let through before the first strike. */
  skip: z.int().min(0).default(0),
  /** Strikes before the rule is spent. */
  times: z.int().min(1).optional(),
  /** Chance of a strike per matching request, 0 to 1. */
  probability: z.number().min(0).max(1).optional(),
  fault: faultSchema,
});
/** A rule as given. */
export type FaultRule = z.input<typeof faultRuleSchema>;

/** A rule in force, with what it has done so far. */
export interface ActiveFaultRule {
  readonly id: number;
  readonly rule: z.output<typeof faultRuleSchema>;
  readonly matched: number;
  readonly struck: number;
}

export interface RequestTraits {
  readonly method: string;
  readonly path: string;
  readonly product: Product | null;
}

type Strike = Exclude<Fault, { type: 'latency' }>;

/** The rules in force. */
export interface FaultInjector {
  /** @returns the rule's id. @throws ZodError for a rule out of form. */
  add(rule: FaultRule): number;
  /** @returns whether there was such a rule. */
  remove(id: number): boolean;
  clear(): void;
  list(): readonly ActiveFaultRule[];
  /** Decides what happens to a request: latencies add up, of the other faults the first rule that strikes wins. */
  strike(request: RequestTraits): { latencyMs: number; fault: Strike | undefined };
}

/** Numbers from 0 up to 1 that are the same for the same seed. */
function createRandom(seed: number): () => number {
  let drawn = 0;
  return function random() {
    const digest = createHash('sha256').update(`${seed}:${drawn++}`).digest();
    return digest.readUIntBE(0, 6) / 2 ** 48;
  };
}

/** @param options.seed fixes which requests a rule with a probability strikes. */
export function createFaultInjector(options: { seed: number }): FaultInjector {
  interface Entry {
    readonly id: number;
    readonly rule: z.output<typeof faultRuleSchema>;
    readonly path: RegExp | undefined;
    matched: number;
    struck: number;
  }
  const random = createRandom(options.seed);
  let entries: Entry[] = [];
  let nextId = 1;

  function matches({ rule, path }: Entry, request: RequestTraits): boolean {
    const { method, product } = rule.match;
    return (
      (method === undefined || method === request.method) &&
      (product === undefined || product === request.product) &&
      (path === undefined || path.test(request.path))
    );
  }

  function strikes(entry: Entry): boolean {
    const { skip, times, probability } = entry.rule;
    entry.matched++;
    if (entry.matched <= skip) return false;
    if (times !== undefined && entry.struck >= times) return false;
    if (probability !== undefined && random() >= probability) return false;
    entry.struck++;
    return true;
  }

  return {
    add(given) {
      const rule = faultRuleSchema.parse(given);
      const path = rule.match.path === undefined ? undefined : new RegExp(rule.match.path);
      const entry: Entry = { id: nextId++, rule, path, matched: 0, struck: 0 };
      entries.push(entry);
      return entry.id;
    },
    remove(id) {
      const before = entries.length;
      entries = entries.filter((entry) => entry.id !== id);
      return entries.length < before;
    },
    clear() {
      entries = [];
    },
    list: () => entries.map(({ id, rule, matched, struck }) => ({ id, rule, matched, struck })),
    strike(request) {
      let latencyMs = 0;
      let fault: Strike | undefined;
      for (const entry of entries) {
        const candidate = entry.rule.fault;
        // A rule that comes second keeps its strikes for the next request.
        if ((candidate.type !== 'latency' && fault !== undefined) || !matches(entry, request)) continue;
        if (!strikes(entry)) continue;
        if (candidate.type === 'latency') latencyMs += candidate.ms;
        else fault = candidate;
      }
      return { latencyMs, fault };
    },
  };
}
