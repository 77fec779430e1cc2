import type { AddressRange } from './address-range.ts';
import { isInRange, parseAddressRange } from './address-range.ts';
import { createRouter, type RouteRule } from './route.ts';

/** Two rules of different customers that admit the same sender, neither being a special case of the other. */
export interface RouteOverlap {
  readonly routes: readonly [number, number];
  /** A sender that both admit; parts that do not matter are left out. */
  readonly sender: { readonly callingAe?: string; readonly from?: string };
  /** The rule that decides for it. */
  readonly winner: number;
}

/** The two have nothing in common. */
const NONE = Symbol('none');

/** A calling AE title that no rule names. */
const NOBODY = '-';

/** Overlaps that whoever wrote the rules may not have meant: the sender's images go to one of two customers. */
export function findRouteOverlaps(rules: readonly RouteRule[]): readonly RouteOverlap[] {
  const router = createRouter(rules);
  const compiled = rules.map((rule) => ({ ...rule, ranges: rule.from?.map(parseAddressRange) }));
  return compiled.flatMap((a, first) =>
    compiled.slice(first + 1).flatMap((b, offset): RouteOverlap[] => {
      if (a.calledAe !== b.calledAe || a.customer === b.customer) return [];
      const calling = commonTitles(a.callingAe, b.callingAe);
      const range = commonRange(a.ranges, b.ranges);
      if (calling === NONE || range === NONE) return [];
      const isSpecialCase =
        (isWithinTitles(a.callingAe, b.callingAe) && isWithinRanges(a.ranges, b.ranges)) ||
        (isWithinTitles(b.callingAe, a.callingAe) && isWithinRanges(b.ranges, a.ranges));
      if (isSpecialCase) return [];
      const decision = router.decide({
        calledAeTitle: a.calledAe,
        callingAeTitle: calling ?? NOBODY,
        peerAddress: range?.network.toString(),
      });
      if (decision.kind === 'rejected') return [];
      return [
        {
          routes: [first, first + 1 + offset],
          sender: {
            ...(calling !== undefined && { callingAe: calling }),
            ...(range !== undefined && { from: range.text }),
          },
          winner: decision.route,
        },
      ];
    }),
  );
}

/** A title that both admit; undefined: both admit any. */
function commonTitles(
  a: readonly string[] | undefined,
  b: readonly string[] | undefined,
): string | undefined | typeof NONE {
  if (a === undefined || b === undefined) return (a ?? b)?.[0];
  return a.find((title) => b.includes(title)) ?? NONE;
}

/** A block within both: of two blocks that meet, one holds the other. */
function commonRange(
  a: readonly AddressRange[] | undefined,
  b: readonly AddressRange[] | undefined,
): AddressRange | undefined | typeof NONE {
  if (a === undefined || b === undefined) return (a ?? b)?.[0];
  for (const one of a) {
    for (const other of b) {
      if (isInRange(one.network, other) && one.hostBits <= other.hostBits) return one;
      if (isInRange(other.network, one)) return other;
    }
  }
  return NONE;
}

function isWithinTitles(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return b === undefined || a?.every((title) => b.includes(title)) === true;
}

function isWithinRanges(
  a: readonly AddressRange[] | undefined,
  b: readonly AddressRange[] | undefined,
): boolean {
  const isInside = (one: AddressRange): boolean =>
    b?.some((other) => isInRange(one.network, other) && one.hostBits <= other.hostBits) === true;
  return b === undefined || a?.every(isInside) === true;
}
