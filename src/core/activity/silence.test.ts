import { describe, expect, it } from 'vitest';

import { judgeSilence } from './silence.ts';
import type { SilenceVerdict } from './silence.ts';

const HOUR = 3_600_000;
/** A Monday, 00:00 UTC. */
const MONDAY = Date.UTC(2026, 0, 5);
const hourOfWeek = (at: number): number => Math.floor((at - MONDAY) / HOUR + 168 * 1000) % 168;
const WEEKDAYS = [0, 1, 2, 3, 4];

/** Milliseconds of a weekday (0 Monday) and hour, `weeks` after the first Monday. */
const when = (weeks: number, day: number, hour: number): number =>
  MONDAY + ((weeks * 7 + day) * 24 + hour) * HOUR;

/** Hours in which `sends` holds, from the first Monday up to `until`. */
function hoursWhere(until: number, sends: (day: number, hour: number, week: number) => boolean): number[] {
  const hours: number[] = [];
  for (let at = MONDAY; at <= until; at += HOUR) {
    const slot = hourOfWeek(at);
    if (sends(Math.floor(slot / 24), slot % 24, Math.floor((at - MONDAY) / (168 * HOUR))))
      hours.push(at / HOUR);
  }
  return hours;
}

function judge(activeHours: readonly number[], now: number): SilenceVerdict {
  return judgeSilence({
    activeHours,
    firstAt: (activeHours[0] ?? 0) * HOUR,
    lastAt: (activeHours.at(-1) ?? 0) * HOUR + 10 * 60_000,
    now,
    hourOfWeek,
  });
}

/** A CT that sends in every hour from 8 to 18 on weekdays. */
const office = (day: number, hour: number): boolean => WEEKDAYS.includes(day) && hour >= 8 && hour < 18;

describe('a modality that works by day on weekdays', () => {
  it('raises no alarm in any hour of a night, a weekend or the morning after', () => {
    for (let week = 2; week < 10; week += 1) {
      const friday = hoursWhere(when(week, 4, 17), office);
      for (let now = when(week, 4, 18); now <= when(week + 1, 0, 9); now += HOUR)
        expect(judge(friday, now).kind).toBe('usual');
      const monday = hoursWhere(when(week, 0, 17), office);
      for (let now = when(week, 0, 18); now <= when(week, 1, 9); now += HOUR)
        expect(judge(monday, now).kind).toBe('usual');
    }
  });

  it('is silent after a few hours in which it always sends', () => {
    const untilTuesdayTen = hoursWhere(when(6, 1, 10), office);
    expect(judge(untilTuesdayTen, when(6, 1, 12)).kind).toBe('usual');
    expect(judge(untilTuesdayTen, when(6, 1, 15))).toMatchObject({ kind: 'silent', usualHours: 0.5 });
  });

  it('is silent on the morning after a weekend, counted from the first hour in which it should send', () => {
    const untilFriday = hoursWhere(when(6, 4, 17), office);
    const verdict = judge(untilFriday, when(7, 0, 12));
    expect(verdict).toMatchObject({ kind: 'silent' });
    expect(verdict.kind === 'silent' && Math.round(verdict.missedHours)).toBe(4);
  });

  it('tells when its silence would become unusual', () => {
    const untilFriday = hoursWhere(when(6, 4, 17), office);
    const verdict = judge(untilFriday, when(6, 5, 12));
    const silentFrom = verdict.kind === 'usual' ? (verdict.silentFrom ?? 0) : 0;
    expect(silentFrom).toBeGreaterThan(when(7, 0, 9));
    expect(silentFrom).toBeLessThan(when(7, 0, 12));
    expect(judge(untilFriday, silentFrom - 60_000).kind).toBe('usual');
    expect(judge(untilFriday, silentFrom + 60_000).kind).toBe('silent');
  });

  it('is not made deaf by one holiday within a month', () => {
    const withHoliday = (day: number, hour: number, week: number): boolean =>
      office(day, hour) && !(week === 4 && day === 3);
    expect(judge(hoursWhere(when(6, 1, 10), withHoliday), when(6, 1, 16)).kind).toBe('silent');
  });
});

describe('other habits', () => {
  it('a pause for lunch every day is no silence', () => {
    const withLunch = (day: number, hour: number): boolean => office(day, hour) && (hour < 11 || hour >= 15);
    const untilEleven = hoursWhere(when(6, 2, 10), withLunch);
    for (let hour = 11; hour <= 15; hour += 1)
      expect(judge(untilEleven, when(6, 2, hour)).kind).toBe('usual');
  });

  it('a room that is used on Thursdays only is missed on the second Thursday, not before', () => {
    const thursdays = (day: number, hour: number): boolean => day === 3 && hour >= 9 && hour < 12;
    const untilThursday = hoursWhere(when(7, 3, 11), thursdays);
    for (let now = when(7, 3, 12); now < when(8, 3, 9); now += HOUR)
      expect(judge(untilThursday, now).kind).toBe('usual');
    expect(judge(untilThursday, when(9, 4, 0)).kind).toBe('silent');
  });

  it('an emergency scanner that sends at any hour is missed at night too', () => {
    const always = (): boolean => true;
    expect(judge(hoursWhere(when(4, 6, 1), always), when(4, 6, 3)).kind).toBe('usual');
    expect(judge(hoursWhere(when(4, 6, 1), always), when(4, 6, 6)).kind).toBe('silent');
  });

  it('one that sends now and then is given the time that it takes now and then', () => {
    // A sender with a sparse, irregular pattern: most days one hour, by a fixed shuffle.
    const sparse = (day: number, hour: number, week: number): boolean => (day * 7 + week * 5) % 24 === hour;
    const active = hoursWhere(when(7, 6, 23), sparse);
    let alarms = 0;
    for (let at = 20; at < active.length - 1; at += 1) {
      const next = active[at + 1] ?? 0;
      if (judge(active.slice(0, at + 1), next * HOUR).kind === 'silent') alarms += 1;
    }
    expect(alarms).toBe(0);
  });
});

describe('what is not judged', () => {
  it('a sender of a few days, or of a few occasions', () => {
    expect(judge(hoursWhere(when(0, 4, 17), office), when(1, 4, 12)).kind).toBe('learning');
    const twice = (day: number, hour: number, week: number): boolean =>
      day === 0 && hour === 9 && week % 2 === 0;
    expect(judge(hoursWhere(when(6, 0, 9), twice), when(7, 0, 12)).kind).toBe('learning');
  });

  it('one that has not sent for four weeks: it is out of use', () => {
    expect(judge(hoursWhere(when(6, 4, 17), office), when(11, 0, 12)).kind).toBe('gone');
  });
});
