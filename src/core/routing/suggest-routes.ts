import { parseAeTitle } from '../../dicom/ae-title.ts';
import type { CustomerKey } from '../study/instance.ts';
import { parseIpAddress } from './address-range.ts';
import { createRouter } from './route.ts';
import type { RouteRequest, RouteRule } from './route.ts';
import { similarTitle } from './similar-title.ts';

/** An entry of `routes` that would admit a sender. */
export interface RouteSuggestion {
  readonly customer: CustomerKey;
  /** `replace`: takes the place of `routes[route]`. `add`: a new entry. */
  readonly kind: 'replace' | 'add';
  /** Index in the configuration, where an entry is replaced. */
  readonly route?: number;
  readonly entry: RouteRule;
}

/** Most suggestions given: a PACS company may have hundreds of customers. */
export const MAX_SUGGESTIONS = 8;

/**
 * Entries of `routes` that would admit a sender that is refused, likeliest first: an entry for its called AE title with
 * this sender added; a new entry for its exact AE titles and address, for each customer. None narrower than needed is
 * left out and none wider is proposed: every one admits this sender and, beyond what is admitted now, nobody else but
 * combinations of titles and addresses of one entry.
 * @param customers as configured.
 * @returns none where the request has no proper AE titles, or is admitted already.
 */
export function suggestRoutes(
  rules: readonly RouteRule[],
  customers: readonly CustomerKey[],
  request: RouteRequest,
): readonly RouteSuggestion[] {
  const calledAe = parseAeTitle(request.calledAeTitle);
  const callingAe = parseAeTitle(request.callingAeTitle);
  if (calledAe === undefined || callingAe === undefined) return [];
  if (createRouter(rules).decide(request).kind === 'admitted') return [];
  const address =
    request.peerAddress !== undefined && parseIpAddress(request.peerAddress) !== undefined
      ? request.peerAddress
      : undefined;

  const sameCalled = rules.flatMap((rule, route) =>
    parseAeTitle(rule.calledAe) === calledAe ? [{ rule, route }] : [],
  );
  const replacements = sameCalled.map(({ rule, route }): RouteSuggestion => {
    const isListed = rule.callingAe === undefined || rule.callingAe.includes(callingAe);
    return {
      customer: rule.customer as CustomerKey,
      kind: 'replace',
      route,
      entry: {
        calledAe: rule.calledAe,
        ...(rule.callingAe && { callingAe: isListed ? rule.callingAe : [...rule.callingAe, callingAe] }),
        ...(rule.from && {
          from: address === undefined || isWithin(rule, request) ? rule.from : [...rule.from, address],
        }),
        customer: rule.customer,
      },
    };
  });
  const likely = new Set([
    ...sameCalled.map(({ rule }) => rule.customer),
    ...rules
      .filter((rule) => similarTitle(calledAe, [rule.calledAe.trim()]) !== undefined)
      .map((rule) => rule.customer),
  ]);
  const ordered = [...customers].sort((a, b) => Number(likely.has(b)) - Number(likely.has(a)));
  const additions = ordered.slice(0, MAX_SUGGESTIONS).map((customer): RouteSuggestion => ({
    customer,
    kind: 'add',
    entry: { calledAe, callingAe: [callingAe], ...(address !== undefined && { from: [address] }), customer },
  }));
  return [...replacements, ...additions]
    .filter((suggestion) => admits(rules, suggestion, request))
    .slice(0, MAX_SUGGESTIONS);
}

function isWithin(rule: RouteRule, request: RouteRequest): boolean {
  const anyCaller = { ...rule, callingAe: undefined };
  return createRouter([anyCaller]).decide(request).kind === 'admitted';
}

/** The proof of a suggestion: with it in the configuration, the sender gets to its customer. */
function admits(rules: readonly RouteRule[], suggestion: RouteSuggestion, request: RouteRequest): boolean {
  const { kind, route, entry, customer } = suggestion;
  const next =
    kind === 'add' ? [...rules, entry] : rules.map((rule, index) => (index === route ? entry : rule));
  const decision = createRouter(next).decide(request);
  return decision.kind === 'admitted' && decision.customer === customer;
}
