import type { AlertCondition, AlertEntry, AlertNotice, AlertRule } from './alert.ts';
import { alertKey } from './alert.ts';

const MINUTE_MS = 60_000;

/** A condition must be away for so long before it counts as over: one that comes and goes is one alert. */
export const CLEAR_AFTER_MS = 5 * MINUTE_MS;

/** How long a condition must last before anybody is told; what is not listed is told at once. */
const HOLD_MS: Readonly<Partial<Record<AlertRule, number>>> = {
  'deliveries-attention': 2 * MINUTE_MS,
  'reports-attention': 2 * MINUTE_MS,
  'api-key-refused': MINUTE_MS,
  'customer-missing': 2 * MINUTE_MS,
  // Counted from two places while images come in; only a difference that stays is one.
  'ledger-exception': 10 * MINUTE_MS,
};

/** The book after a look: conditions that are new, last, or are gone. Entries that nobody needs any more are left out. */
export function observe(
  book: readonly AlertEntry[],
  conditions: readonly AlertCondition[],
  now: number,
): readonly AlertEntry[] {
  const present = new Map(conditions.map((condition) => [alertKey(condition), condition]));
  const known = new Set(book.map(({ key }) => key));
  const fresh = [...present]
    .filter(([key]) => !known.has(key))
    .map(([key, condition]) => begin(key, condition, now, {}));
  return [...book.flatMap((entry) => next(entry, present.get(entry.key), now)), ...fresh];
}

function begin(key: string, condition: AlertCondition, now: number, told: AlertEntry['told']): AlertEntry {
  const { rule, subject, severity, summary, advice } = condition;
  const state = (HOLD_MS[rule] ?? 0) > 0 ? 'forming' : 'active';
  return { key, rule, subject, severity, summary, advice, state, since: now, told };
}

function next(entry: AlertEntry, condition: AlertCondition | undefined, now: number): AlertEntry[] {
  const { goneSince, ...rest } = entry;
  if (condition === undefined) {
    if (entry.state === 'forming') return isOwed(entry) ? [{ ...entry, state: 'recovered' }] : [];
    const gone = goneSince ?? now;
    if (entry.state === 'active' && now - gone < CLEAR_AFTER_MS) return [{ ...entry, goneSince: gone }];
    return isOwed(entry) ? [{ ...entry, state: 'recovered', goneSince: gone }] : [];
  }
  if (entry.state === 'recovered') return [begin(entry.key, condition, now, entry.told)];
  const isHeld = now - entry.since >= (HOLD_MS[entry.rule] ?? 0);
  const { severity, summary, advice } = condition;
  return [{ ...rest, severity, summary, advice, state: isHeld ? 'active' : entry.state }];
}

/** Whether a channel believes that the condition lasts. */
function isOwed({ told }: AlertEntry): boolean {
  return Object.values(told).some(({ state }) => state === 'raised');
}

/** What a channel is to be told now. @param repeatMs how often one is reminded of what lasts. */
export function dueNotices(
  book: readonly AlertEntry[],
  channel: string,
  now: number,
  repeatMs: number,
): readonly AlertNotice[] {
  return book.flatMap((entry): AlertNotice[] => {
    const told = entry.told[channel];
    if (entry.state === 'recovered') return told?.state === 'raised' ? [{ kind: 'recovered', entry }] : [];
    if (entry.state === 'forming') return [];
    const isWorse = told?.severity === 'warning' && entry.severity === 'critical';
    if (told?.state !== 'raised' || isWorse) return [{ kind: 'raised', entry }];
    // Nobody is reminded of what is just going away.
    return now - told.at >= repeatMs && entry.goneSince === undefined ? [{ kind: 'still', entry }] : [];
  });
}

/** The book after a channel has taken the notices. */
export function markTold(
  book: readonly AlertEntry[],
  channel: string,
  notices: readonly AlertNotice[],
  now: number,
): readonly AlertEntry[] {
  const kinds = new Map(notices.map(({ kind, entry }) => [entry.key, kind]));
  return book.flatMap((entry) => {
    const kind = kinds.get(entry.key);
    if (kind === undefined) return [entry];
    const state = kind === 'recovered' ? ('recovered' as const) : ('raised' as const);
    const marked = {
      ...entry,
      told: { ...entry.told, [channel]: { state, severity: entry.severity, at: now } },
    };
    return marked.state === 'recovered' && !isOwed(marked) ? [] : [marked];
  });
}

/** The book without what only channels that are gone were told: they would wait for a recovery notice for ever. */
export function forgetChannels(
  book: readonly AlertEntry[],
  channels: readonly string[],
): readonly AlertEntry[] {
  return book.flatMap((entry) => {
    const told = Object.fromEntries(Object.entries(entry.told).filter(([name]) => channels.includes(name)));
    const kept = { ...entry, told };
    return kept.state === 'recovered' && !isOwed(kept) ? [] : [kept];
  });
}
