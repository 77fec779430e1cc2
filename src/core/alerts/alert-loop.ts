import type { AlertChannel, AlertMessage, AlertReport } from '../ports/alert-channel.ts';
import type { AlertRecords } from '../ports/alert-records.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import { dueNotices, forgetChannels, markTold, observe } from './alert-book.ts';
import type { AlertCondition, AlertEntry, AlertNotice } from './alert.ts';

const LOOK_INTERVAL_MS = 30_000;
const HOUR_MS = 3_600_000;
/** Messages to one channel: so many within an hour, and not closer than this. What is due meanwhile goes together. */
const MAX_MESSAGES_PER_HOUR = 12;
const MIN_GAP_MS = 60_000;
/** A channel that fails is tried again after this, doubling up to an hour. */
const RETRY_BASE_MS = 60_000;

export interface AlertLoopOptions {
  /** What is wrong now. */
  readonly look: () => readonly AlertCondition[];
  readonly records: AlertRecords;
  readonly channels: readonly AlertChannel[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often one is reminded of what lasts. */
  readonly repeatMs: number;
}

/** How a channel is doing. */
export interface ChannelStatus {
  readonly name: string;
  readonly lastSentAt?: number;
  /** Why the latest message was not taken. */
  readonly lastError?: string;
}

export interface AlertLoop {
  start(): void;
  stop(): Promise<void>;
  /** Other channels or another rhythm, after a reload. */
  configure(options: Pick<AlertLoopOptions, 'channels' | 'repeatMs'>): void;
  /** Active ones, oldest first. */
  active(): readonly AlertEntry[];
  channels(): readonly ChannelStatus[];
  /** Sends a test message on every channel, now. */
  test(): Promise<readonly { readonly channel: string; readonly error?: string }[]>;
}

interface ChannelState {
  readonly channel: AlertChannel;
  sentAt: number[];
  failures: number;
  notBefore: number;
  lastError?: string | undefined;
}

/**
 * Looks every half minute what is wrong, keeps the book of it, and tells each channel what it does not know yet: at least
 * once, repeated daily at most, with a notice when it is over. The book is durable, so a restart repeats nothing.
 */
export function createAlertLoop(options: AlertLoopOptions): AlertLoop {
  const { look, records, clock, logger } = options;
  let book = records.list();
  let repeatMs = options.repeatMs;
  let states = options.channels.map(stateOf);
  let cancel = (): void => undefined;
  let isStopped = true;
  let running: Promise<void> = Promise.resolve();

  async function keep(next: readonly AlertEntry[]): Promise<void> {
    const isSame = JSON.stringify(next) === JSON.stringify(book);
    book = next;
    if (!isSame) await records.replace(next);
  }

  async function turn(): Promise<void> {
    try {
      const before = new Map(book.map(({ key, state }) => [key, state]));
      const names = states.map(({ channel }) => channel.name);
      await keep(observe(forgetChannels(book, names), look(), clock.now()));
      for (const entry of book) if (entry.state !== before.get(entry.key)) log(entry);
      await Promise.all(states.map(tell));
    } catch (error) {
      logger.error({ err: error }, 'alerts could not be looked after; tried again shortly');
    }
  }

  async function tell(state: ChannelState): Promise<void> {
    const { channel } = state;
    const now = clock.now();
    state.sentAt = state.sentAt.filter((at) => now - at < HOUR_MS);
    if (now < state.notBefore || state.sentAt.length >= MAX_MESSAGES_PER_HOUR) return;
    const notices = dueNotices(book, channel.name, now, repeatMs);
    if (notices.length === 0) return;
    try {
      await channel.send(messageOf(notices.map(reportOf), now));
      state.sentAt.push(now);
      state.notBefore = now + MIN_GAP_MS;
      state.failures = 0;
      state.lastError = undefined;
    } catch (error) {
      state.notBefore = now + Math.min(HOUR_MS, RETRY_BASE_MS * 2 ** state.failures);
      state.failures += 1;
      state.lastError = textOf(error);
      if (state.failures === 1)
        logger.error(
          { channel: channel.name, reason: state.lastError },
          'an alert could not be sent; tried again',
        );
      return;
    }
    // Sent and not taken down: told twice rather than never.
    await keep(markTold(book, channel.name, notices, now));
  }

  function log(entry: AlertEntry): void {
    const fields = { alert: entry.key, hint: entry.advice };
    if (entry.state === 'active') logger.warn(fields, `alert: ${entry.summary}`);
    else if (entry.state === 'recovered') logger.info({ alert: entry.key }, 'alert is over');
  }

  function schedule(): void {
    if (isStopped) return;
    cancel = clock.after(LOOK_INTERVAL_MS, () => {
      running = turn().then(schedule);
    });
  }

  return {
    start() {
      isStopped = false;
      running = turn().then(schedule);
    },
    async stop() {
      isStopped = true;
      cancel();
      await running;
    },
    configure(next) {
      repeatMs = next.repeatMs;
      states = next.channels.map((channel) =>
        Object.assign(stateOf(channel), states.find((state) => state.channel.name === channel.name) ?? {}, {
          channel,
          notBefore: 0,
        }),
      );
    },
    active: () => book.filter(({ state }) => state === 'active'),
    channels: () =>
      states.map(({ channel, sentAt, lastError }) => ({
        name: channel.name,
        ...(sentAt.length > 0 && { lastSentAt: Math.max(...sentAt) }),
        ...(lastError !== undefined && { lastError }),
      })),
    test: () =>
      Promise.all(
        states.map(async ({ channel }) => {
          try {
            await channel.send(messageOf([testReport(clock.now())], clock.now()));
            return { channel: channel.name };
          } catch (error) {
            return { channel: channel.name, error: textOf(error) };
          }
        }),
      ),
  };
}

function stateOf(channel: AlertChannel): ChannelState {
  return { channel, sentAt: [], failures: 0, notBefore: 0 };
}

function messageOf(alerts: readonly AlertReport[], now: number): AlertMessage {
  return { sentAt: new Date(now).toISOString(), alerts };
}

function reportOf({ kind, entry }: AlertNotice): AlertReport {
  const { key, rule, subject, severity, summary, advice, since } = entry;
  return {
    id: key,
    rule,
    subject,
    state: kind,
    severity,
    summary,
    advice,
    since: new Date(since).toISOString(),
  };
}

/** What "avara-ingest alert --test" sends. */
export function testReport(now: number): AlertReport {
  return {
    id: 'test',
    rule: 'test',
    subject: '',
    state: 'test',
    severity: 'info',
    summary: 'This is a test. Alerts of this daemon arrive here.',
    advice: 'Nothing is to be done.',
    since: new Date(now).toISOString(),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
