import type { DeliveryWish, Outbox } from '../../src/core/ports/outbox.ts';
import type { DeliveryState, Product, StudyRecord } from '../../src/core/study/study.ts';
import { studyKeyText } from '../../src/core/study/instance.ts';

export interface OutboxRow {
  readonly id: number;
  readonly study: StudyRecord;
  readonly product: Product;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly dueAt: number;
  readonly avaraStudyId?: string;
  readonly error?: string;
  readonly sent?: string;
  readonly wish: DeliveryWish;
  readonly isCancelled: boolean;
  readonly revision: number;
}

/** The outbox's contract without a database. */
export interface InMemoryOutbox extends Outbox {
  /** Adds a pending entry. @returns its id. */
  add(study: StudyRecord, product?: Product, dueAt?: number): number;
  /** Changes an entry behind the back of whoever works on it. */
  set(id: number, changes: Partial<OutboxRow>): void;
  row(id: number): OutboxRow;
  rows(): readonly OutboxRow[];
  /** Makes the next call of a method fail. */
  failNext(method: 'due' | 'begin' | 'complete' | 'postpone' | 'needAttention', error: Error): void;
}

export function createInMemoryOutbox(): InMemoryOutbox {
  const rows = new Map<number, OutboxRow>();
  const failures = new Map<string, Error>();

  function row(id: number): OutboxRow {
    const found = rows.get(id);
    if (found === undefined) throw new Error(`no outbox entry ${id}`);
    return found;
  }

  function failIfTold(method: string): void {
    const failure = failures.get(method);
    failures.delete(method);
    if (failure !== undefined) throw failure;
  }

  async function update(method: string, id: number, changes: Partial<OutboxRow>): Promise<void> {
    // Like a database, it answers a little later.
    await Promise.resolve();
    failIfTold(method);
    rows.set(id, { ...row(id), ...changes });
  }

  function waiting(except: ReadonlySet<string>, busy: ReadonlySet<number>): OutboxRow[] {
    return [...rows.values()]
      .filter(({ state, study }) => state === 'pending' && study.state === 'stable')
      .filter(({ id, study }) => !busy.has(id) && !except.has(study.key.customer))
      .sort((a, b) => a.dueAt - b.dueAt || a.id - b.id);
  }

  async function retryWhere(matches: (row: OutboxRow) => boolean, now: number): Promise<number> {
    await Promise.resolve();
    const chosen = [...rows.values()].filter((entry) => entry.state !== 'created' && matches(entry));
    for (const entry of chosen) rows.set(entry.id, { ...entry, state: 'pending', dueAt: now });
    return chosen.length;
  }

  return {
    add(study, product = 'viewer', dueAt = 0) {
      const id = rows.size + 1;
      const fresh = { wish: 'none', isCancelled: false, revision: 0 } as const;
      rows.set(id, { id, study, product, state: 'pending', attempts: 0, dueAt, ...fresh });
      return id;
    },
    set: (id, changes) => void rows.set(id, { ...row(id), ...changes }),
    row,
    rows: () => [...rows.values()],
    failNext: (method, error) => void failures.set(method, error),
    due(now, limit, except, busy) {
      failIfTold('due');
      return waiting(except, busy)
        .filter(({ dueAt }) => dueAt <= now)
        .slice(0, limit);
    },
    nextDueAt: (except, busy) => waiting(except, busy)[0]?.dueAt,
    begin: (id) => update('begin', id, { attempts: row(id).attempts + 1 }),
    noteSent: (id, sent) => update('noteSent', id, { sent }),
    complete(id, { revision, ...completion }) {
      const isLatest = revision === undefined || revision === row(id).revision;
      const changes = isLatest ? ({ state: 'created', wish: 'none' } as const) : {};
      return update('complete', id, { ...changes, ...completion });
    },
    postpone: (id, at, error) => update('postpone', id, { dueAt: at, error }),
    drop: (id) => Promise.resolve(void rows.delete(id)),
    needAttention: (id, error) => update('needAttention', id, { state: 'attention', error }),
    retry: (key, now) => retryWhere(({ study }) => studyKeyText(study.key) === studyKeyText(key), now),
    retryAll: (customer, now) =>
      retryWhere(({ study }) => customer === undefined || study.key.customer === customer, now),
    async wish(key, product, wish, now) {
      await Promise.resolve();
      const chosen = [...rows.values()].filter(
        (entry) =>
          studyKeyText(entry.study.key) === studyKeyText(key) &&
          (product === undefined || entry.product === product),
      );
      for (const entry of chosen) {
        const revision = entry.revision + 1;
        rows.set(entry.id, { ...entry, wish, state: 'pending', dueAt: now, revision });
      }
      return chosen.length;
    },
    addMissing: () => Promise.resolve(0),
  };
}
