import type { HourNumber } from '../ports/sender-activity.ts';

/** What a sender's habit says of its silence. */
export type SilenceVerdict =
  /** Too little is known of it yet. */
  | { readonly kind: 'learning' }
  /** It sends, or is silent as it often is. */
  | {
      readonly kind: 'usual';
      /** When its silence would stop being usual, milliseconds since 1970; absent: not within two weeks. */
      readonly silentFrom?: number;
    }
  /** Longer silent than its habit explains. */
  | {
      readonly kind: 'silent';
      /** Hours since it last sent in which it usually sends. */
      readonly missedHours: number;
      /** How many of these it has let pass before, but for rare exceptions. */
      readonly usualHours: number;
    }
  /** Silent for so long that it is taken out of use, not out of order. */
  | { readonly kind: 'gone' };

export interface SilenceQuestion {
  /** Hours in which it sent something, ascending; those of the last {@link LEARNING_HOURS} matter. */
  readonly activeHours: readonly HourNumber[];
  /** When it sent for the first and the last time, milliseconds since 1970. */
  readonly firstAt: number;
  readonly lastAt: number;
  readonly now: number;
  /** Hour of the week at the site, 0 to 167, of a time in milliseconds since 1970. */
  readonly hourOfWeek: (at: number) => number;
}

const HOUR_MS = 3_600_000;
const WEEK_HOURS = 168;
/** How far back habits are learnt from. */
export const LEARNING_HOURS = 8 * WEEK_HOURS;
/** A habit takes two of each weekday, and more than a handful of occasions. */
const MIN_HISTORY_MS = 14 * 24 * HOUR_MS;
const MIN_ACTIVE_HOURS = 12;
const GONE_AFTER_MS = 28 * 24 * HOUR_MS;
/** Missed hours that nobody is told of, however regular the sender is: rooms stand empty for a morning's meeting. */
const MIN_MISSED_HOURS = 2.5;
/** How much longer than ever before a silence must be. */
const MARGIN = 1.5;
/** One longer silence in so many weeks is a holiday or a service visit, not a habit. */
const WEEKS_PER_EXCEPTION = 4;
const OUTLOOK_HOURS = 14 * 24;

/**
 * Whether a sender is silent against its own habit. For each hour of the week the share of past weeks in which it sent
 * is its expectation; a silence weighs what it adds up to over the hours passed, so that nights and weekends in which
 * it never sends weigh nothing. It is unusual when it weighs more than all but the rarest of its silences so far, with a
 * margin.
 */
export function judgeSilence(question: SilenceQuestion): SilenceVerdict {
  const { firstAt, lastAt, now, hourOfWeek } = question;
  if (now - lastAt > GONE_AFTER_MS) return { kind: 'gone' };
  const lastHour = Math.floor(lastAt / HOUR_MS);
  const firstHour = Math.max(Math.floor(firstAt / HOUR_MS), lastHour - LEARNING_HOURS + 1);
  const active = question.activeHours.filter((hour) => hour >= firstHour && hour <= lastHour);
  if (lastAt - firstAt < MIN_HISTORY_MS || active.length < MIN_ACTIVE_HOURS) return { kind: 'learning' };

  const slotOf = (hour: HourNumber): number => hourOfWeek(hour * HOUR_MS);
  const expected = expectations(active, firstHour, lastHour, slotOf);
  const weightOf = (from: HourNumber, to: HourNumber): number => {
    let weight = 0;
    for (let hour = from; hour < to; hour += 1) weight += expected[slotOf(hour)] ?? 0;
    return weight;
  };
  const gaps = active.map((hour, at) => weightOf(hour + 1, active[at + 1] ?? hour + 1)).sort((a, b) => b - a);
  const exceptions = Math.floor((lastHour - firstHour + 1) / WEEK_HOURS / WEEKS_PER_EXCEPTION);
  const usualHours = gaps[exceptions] ?? 0;
  const tolerated = Math.max(MIN_MISSED_HOURS, usualHours * MARGIN);

  const hourNow = Math.floor(now / HOUR_MS);
  const passedOfHour = now / HOUR_MS - hourNow;
  const missedHours =
    weightOf(lastHour + 1, hourNow) +
    (hourNow > lastHour ? passedOfHour * (expected[slotOf(hourNow)] ?? 0) : 0);
  if (missedHours > tolerated) return { kind: 'silent', missedHours, usualHours };

  let weight = weightOf(lastHour + 1, hourNow);
  for (let hour = Math.max(hourNow, lastHour + 1); hour < hourNow + OUTLOOK_HOURS; hour += 1) {
    const share = expected[slotOf(hour)] ?? 0;
    if (weight + share > tolerated)
      return { kind: 'usual', silentFrom: Math.round((hour + (tolerated - weight) / share) * HOUR_MS) };
    weight += share;
  }
  return { kind: 'usual' };
}

/** For each hour of the week how likely the sender is to send, its neighbours counted in: nobody starts on the dot. */
function expectations(
  active: readonly HourNumber[],
  firstHour: HourNumber,
  lastHour: HourNumber,
  slotOf: (hour: HourNumber) => number,
): readonly number[] {
  const weeks = new Array<number>(WEEK_HOURS).fill(0);
  const hits = new Array<number>(WEEK_HOURS).fill(0);
  for (let hour = firstHour; hour <= lastHour; hour += 1)
    weeks[slotOf(hour)] = (weeks[slotOf(hour)] ?? 0) + 1;
  for (const hour of active) hits[slotOf(hour)] = (hits[slotOf(hour)] ?? 0) + 1;
  const share = (slot: number): number => {
    const at = (slot + WEEK_HOURS) % WEEK_HOURS;
    return (hits[at] ?? 0) / Math.max(1, weeks[at] ?? 0);
  };
  return weeks.map((_, slot) => share(slot) / 2 + (share(slot - 1) + share(slot + 1)) / 4);
}
