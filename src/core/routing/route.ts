import type { AeTitle } from '../../dicom/ae-title.ts';
import { parseAeTitle } from '../../dicom/ae-title.ts';
import type { CustomerKey } from '../study/instance.ts';
import { parseCustomerKey } from '../study/instance.ts';
import type { AddressRange } from './address-range.ts';
import { isInRange, parseAddressRange, parseIpAddress } from './address-range.ts';
import { similarTitle } from './similar-title.ts';

/** A rule as configured; `callingAe` and `from` narrow it, absent they admit any. */
export interface RouteRule {
  readonly calledAe: string;
  readonly callingAe?: readonly string[] | undefined;
  readonly from?: readonly string[] | undefined;
  readonly customer: string;
}

/** Who asks for an Association. AE titles as received; padding is not significant, case is (PS3.5 6.2). */
export interface RouteRequest {
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
  /** IP address; IPv4-mapped IPv6 counts as IPv4. Absent or unreadable: only rules without `from` match. */
  readonly peerAddress?: string | undefined;
}

export interface RouteAdmitted {
  readonly kind: 'admitted';
  readonly customer: CustomerKey;
  /** Index of the rule in the configuration. */
  readonly route: number;
  /** One line: what matched, and what it won over. */
  readonly why: string;
}

/** Named as in PS3.8 9.3.4, A-ASSOCIATE-RJ, source "service-user". */
export type RouteRejectReason =
  'called-ae-title-not-recognized' | 'calling-ae-title-not-recognized' | 'no-reason-given';

export interface RouteRejected {
  readonly kind: 'rejected';
  /**
   * The called AE title is checked first, since a wrong one leaves no rule to compare the rest with. The calling AE
   * title is to blame unless only the address is wrong: some rule lists the title, or all rules that lack one want
   * another address. For that no standard reason fits, and a false one would send the service engineer to AE titles
   * that are right: "no reason given", with the address in the log.
   */
  readonly reason: RouteRejectReason;
  /** One line for the log and the operator. */
  readonly explanation: string;
  /** What would have matched, nearest first; at most {@link MAX_NEAR_MISSES}. */
  readonly nearMisses: readonly string[];
}

export type RouteDecision = RouteAdmitted | RouteRejected;

/** How one rule fared for a request. */
export interface RouteExplanation {
  readonly route: number;
  /** The rule in words. */
  readonly rule: string;
  readonly customer: CustomerKey;
  readonly isMatch: boolean;
  /** What matched, or the first thing that did not. */
  readonly why: string;
  /** Whether this is the rule that decides. */
  readonly isChosen: boolean;
}

export interface Router {
  decide(request: RouteRequest): RouteDecision;
  /** Every rule of the configuration, in its order. */
  explain(request: RouteRequest): readonly RouteExplanation[];
}

/** Most entries of {@link RouteRejected.nearMisses}. */
export const MAX_NEAR_MISSES = 3;

interface CompiledRule {
  readonly index: number;
  readonly calledAe: AeTitle;
  readonly callingAe: readonly AeTitle[] | undefined;
  readonly from: readonly AddressRange[] | undefined;
  readonly customer: CustomerKey;
  readonly text: string;
}

interface Match {
  readonly rule: CompiledRule;
  /** Narrowest block of `from` that holds the peer. */
  readonly range: AddressRange | undefined;
}

/**
 * Maps senders to customers. Of the rules that match, the most specific decides: first by how many narrowings it
 * has (`callingAe` and `from` beat either alone, either beats none); then `callingAe` beats `from`; then the smaller
 * address block; then the earlier rule.
 * @throws RangeError for a rule that no configuration check would let through.
 */
export function createRouter(rules: readonly RouteRule[]): Router {
  const compiled = rules.map(compileRule);

  function decide(request: RouteRequest): RouteDecision {
    const [chosen, runnerUp] = rankedMatches(compiled, request);
    if (chosen === undefined) return reject(compiled, request);
    const { rule } = chosen;
    const over = runnerUp === undefined ? '' : `; more specific than routes[${runnerUp.rule.index}]`;
    return {
      kind: 'admitted',
      customer: rule.customer,
      route: rule.index,
      why: `routes[${rule.index}]: ${matchText(chosen)}${over}`,
    };
  }

  function explain(request: RouteRequest): readonly RouteExplanation[] {
    const matches = rankedMatches(compiled, request);
    return compiled.map((rule) => {
      const match = matches.find((candidate) => candidate.rule === rule);
      return {
        route: rule.index,
        rule: rule.text,
        customer: rule.customer,
        isMatch: match !== undefined,
        why: match === undefined ? mismatchText(rule, request) : matchText(match),
        isChosen: match !== undefined && match === matches[0],
      };
    });
  }

  return { decide, explain };
}

function compileRule(rule: RouteRule, index: number): CompiledRule {
  const customer = parseCustomerKey(rule.customer);
  if (customer === undefined) throw new RangeError(`routes[${index}]: not a customer key: ${rule.customer}`);
  const compiled = {
    index,
    calledAe: aeTitle(rule.calledAe, index),
    callingAe: rule.callingAe?.map((title) => aeTitle(title, index)),
    from: rule.from?.map(parseAddressRange),
    customer,
  };
  const narrowings = [
    rule.callingAe === undefined ? 'any calling AE title' : `calling ${rule.callingAe.join(' or ')}`,
    rule.from === undefined ? 'any address' : `from ${rule.from.join(' or ')}`,
  ];
  return { ...compiled, text: `called ${compiled.calledAe}, ${narrowings.join(', ')}` };
}

function aeTitle(text: string, index: number): AeTitle {
  const parsed = parseAeTitle(text);
  if (parsed === undefined)
    throw new RangeError(`routes[${index}]: not an AE title: ${JSON.stringify(text)}`);
  return parsed;
}

function rankedMatches(rules: readonly CompiledRule[], request: RouteRequest): Match[] {
  return rules
    .flatMap((rule) => matchRule(rule, request) ?? [])
    .sort(
      (a, b) =>
        narrowings(b.rule) - narrowings(a.rule) ||
        Number(b.rule.callingAe !== undefined) - Number(a.rule.callingAe !== undefined) ||
        (a.range?.hostBits ?? 0) - (b.range?.hostBits ?? 0) ||
        a.rule.index - b.rule.index,
    );
}

function narrowings(rule: CompiledRule): number {
  return Number(rule.callingAe !== undefined) + Number(rule.from !== undefined);
}

function matchRule(rule: CompiledRule, request: RouteRequest): Match | undefined {
  if (!isCalled(rule, request) || !isCaller(rule, request)) return undefined;
  if (rule.from === undefined) return { rule, range: undefined };
  const range = narrowestRange(rule.from, request.peerAddress);
  return range === undefined ? undefined : { rule, range };
}

function isCalled(rule: CompiledRule, request: RouteRequest): boolean {
  return rule.calledAe === parseAeTitle(request.calledAeTitle);
}

function isCaller(rule: CompiledRule, request: RouteRequest): boolean {
  const calling = parseAeTitle(request.callingAeTitle);
  return rule.callingAe === undefined || rule.callingAe.some((title) => title === calling);
}

function isFromRange(rule: CompiledRule, request: RouteRequest): boolean {
  return rule.from === undefined || narrowestRange(rule.from, request.peerAddress) !== undefined;
}

function narrowestRange(
  ranges: readonly AddressRange[],
  peerAddress: string | undefined,
): AddressRange | undefined {
  const address = peerAddress === undefined ? undefined : parseIpAddress(peerAddress);
  if (address === undefined) return undefined;
  return ranges.filter((range) => isInRange(address, range)).sort((a, b) => a.hostBits - b.hostBits)[0];
}

function matchText({ rule, range }: Match): string {
  const parts = [`called AE title ${rule.calledAe}`];
  if (rule.callingAe !== undefined) parts.push('calling AE title is listed');
  if (range !== undefined) parts.push(`address is in ${range.text}`);
  if (narrowings(rule) === 0) parts.push('any sender');
  return parts.join(', ');
}

function mismatchText(rule: CompiledRule, request: RouteRequest): string {
  if (!isCalled(rule, request)) return differs('called', request.calledAeTitle, [rule.calledAe]);
  if (!isCaller(rule, request)) return differs('calling', request.callingAeTitle, rule.callingAe ?? []);
  const ranges = (rule.from ?? []).map((range) => range.text).join(', ');
  return `address ${request.peerAddress ?? '(unknown)'} is not in ${ranges}`;
}

function differs(which: 'called' | 'calling', received: string, expected: readonly AeTitle[]): string {
  const title = received.trim();
  const sameButCase = expected.find((candidate) => candidate.toLowerCase() === title.toLowerCase());
  const hint = sameButCase === undefined ? '' : ' (upper and lower case differ)';
  return `${which} AE title ${JSON.stringify(title)} is not ${expected.join(' or ')}${hint}`;
}

function reject(rules: readonly CompiledRule[], request: RouteRequest): RouteRejected {
  const called = rules.filter((rule) => isCalled(rule, request));
  const callers = called.filter((rule) => isCaller(rule, request));
  const calledText = JSON.stringify(request.calledAeTitle.trim());
  const callingText = JSON.stringify(request.callingAeTitle.trim());
  if (called.length === 0) {
    return {
      kind: 'rejected',
      reason: 'called-ae-title-not-recognized',
      explanation: `no route has the called AE title ${calledText}${meantText(rules, request)}`,
      nearMisses: nearMisses(rules, request),
    };
  }
  const isListed = callers.some((rule) => rule.callingAe !== undefined);
  const isTitleAlone = called.some((rule) => rule.callingAe !== undefined && isFromRange(rule, request));
  if (callers.length === 0 || (!isListed && isTitleAlone)) {
    return {
      kind: 'rejected',
      reason: 'calling-ae-title-not-recognized',
      explanation: `no route for the called AE title ${calledText} admits the calling AE title ${callingText} from ${request.peerAddress ?? 'an unknown address'}`,
      nearMisses: nearMisses(called, request),
    };
  }
  return {
    kind: 'rejected',
    reason: 'no-reason-given',
    explanation: `the AE titles ${calledText} and ${callingText} are known, but not from address ${request.peerAddress ?? '(unknown)'}`,
    nearMisses: nearMisses(callers, request),
  };
}

function meantText(rules: readonly CompiledRule[], request: RouteRequest): string {
  const titles = rules.map(({ calledAe }) => calledAe);
  const meant = similarTitle(request.calledAeTitle.trim(), titles);
  return meant === undefined ? '' : `; ${JSON.stringify(meant)} is similar, does the sender mean that?`;
}

/** Rules that differ in letter case only come first: that is the mistake made most. */
function nearMisses(rules: readonly CompiledRule[], request: RouteRequest): string[] {
  return rules
    .map((rule) => ({ rule, why: mismatchText(rule, request) }))
    .sort((a, b) => Number(b.why.endsWith(')')) - Number(a.why.endsWith(')')) || a.rule.index - b.rule.index)
    .slice(0, MAX_NEAR_MISSES)
    .map(({ rule, why }) => `routes[${rule.index}]: ${why}`);
}
