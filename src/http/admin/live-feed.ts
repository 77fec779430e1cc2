import type { Clock } from '../../core/ports/clock.ts';

/** What the page shows of the moment, and by what it knows that it is out of date. */
export interface LiveSnapshot {
  /** Texts by the name of the element that shows them. */
  readonly figures: Readonly<Record<string, string>>;
  /** Differs from an earlier one whenever the page would. */
  readonly version: string;
}

export interface LiveFeedOptions {
  readonly clock: Clock;
  /** Cheap: it is asked once a second while anybody watches. */
  readonly snapshot: () => LiveSnapshot;
  /** Hears of a look that failed; every stream has ended then. */
  readonly onFailure: (error: unknown) => void;
  /** Watchers at the same time. Default 32. */
  readonly maxClients?: number;
}

/** Events for open pages (Server-Sent Events, HTML Living Standard 9.2). */
export interface LiveFeed {
  /**
   * A stream of `figures` events, and `changed` where the page is out of date.
   * @param lastEventId the version that the watcher has seen, of its `Last-Event-ID` header.
   * @returns undefined where too many watch already.
   */
  watch(lastEventId: string | undefined): ReadableStream<Uint8Array> | undefined;
  readonly clients: number;
  /** Ends every stream; watchers come back by themselves. */
  close(): void;
}

const INTERVAL_MS = 1000;
/** Proxies and our own listener close what stands still. */
const HEARTBEAT_MS = 15_000;
/** Then the watcher comes again and proves once more who it is. */
const MAX_STREAM_MS = 3_600_000;
const RECONNECT_MS = 3000;
/** A watcher that does not read so many messages is gone. */
const MAX_WAITING = 64;

interface Client {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly since: number;
  version: string | undefined;
  figures: string;
  lastSentAt: number;
}

/** One look per second serves all watchers; nobody watching, nothing runs. */
export function createLiveFeed({ clock, snapshot, onFailure, maxClients = 32 }: LiveFeedOptions): LiveFeed {
  const clients = new Set<Client>();
  let cancel: (() => void) | undefined;
  let isClosed = false;

  const send = (client: Client, text: string): void => {
    client.lastSentAt = clock.now();
    client.controller.enqueue(Buffer.from(text));
  };
  const drop = (client: Client): void => {
    if (!clients.delete(client)) return;
    client.controller.close();
  };
  const update = (client: Client, { figures, version }: LiveSnapshot): void => {
    const now = clock.now();
    if ((client.controller.desiredSize ?? 0) <= -MAX_WAITING || now - client.since > MAX_STREAM_MS) {
      drop(client);
      return;
    }
    const text = JSON.stringify(figures);
    if (text !== client.figures) {
      client.figures = text;
      send(client, `event: figures\ndata: ${text}\n\n`);
    }
    if (version !== client.version) {
      client.version = version;
      send(client, `event: changed\nid: ${version}\ndata: {}\n\n`);
    }
    if (now - client.lastSentAt >= HEARTBEAT_MS) send(client, ': still here\n\n');
  };
  const tick = (): void => {
    cancel = undefined;
    if (clients.size === 0) return;
    let current: LiveSnapshot;
    try {
      current = snapshot();
    } catch (error) {
      // Nobody is above a timer. The page that comes back asks for itself, and gets its error where one is answered.
      onFailure(error);
      for (const client of clients) drop(client);
      return;
    }
    for (const client of clients) update(client, current);
    schedule();
  };
  const schedule = (): void => {
    if (!isClosed && clients.size > 0) cancel ??= clock.after(INTERVAL_MS, tick);
  };

  return {
    watch(lastEventId) {
      if (isClosed || clients.size >= maxClients) return undefined;
      let client: Client;
      return new ReadableStream<Uint8Array>({
        start(controller) {
          const now = clock.now();
          const current = snapshot();
          // The page was made a moment ago: only who says that it saw another version is out of date.
          const version = lastEventId ?? current.version;
          client = { controller, since: now, version, figures: '', lastSentAt: now };
          clients.add(client);
          send(client, `retry: ${RECONNECT_MS}\nid: ${current.version}\n\n`);
          update(client, current);
          schedule();
        },
        cancel() {
          clients.delete(client);
        },
      });
    },
    get clients() {
      return clients.size;
    },
    close() {
      isClosed = true;
      cancel?.();
      for (const client of clients) drop(client);
    },
  };
}
