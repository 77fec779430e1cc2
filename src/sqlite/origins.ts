import type Database from 'better-sqlite3';
import { LRUCache } from 'lru-cache';

import type { InstanceOrigin } from '../core/study/instance.ts';

type OriginFields = Omit<InstanceOrigin, 'intakeId' | 'customer'>;

/** Combinations kept in memory; a peer may call itself something else each time. */
const MAX_CACHED = 1024;

/** Interns how instances came in: a site has a few dozen such combinations, an archive millions of instances. */
export class Origins {
  readonly #insert: Database.Statement<[string, string, string, string]>;
  readonly #select: Database.Statement<[string, string, string, string], { id: number }>;
  readonly #ids = new LRUCache<string, number>({ max: MAX_CACHED });
  /** Names of those made in the transaction under way. */
  #fresh: string[] = [];

  constructor(db: Database.Database) {
    this.#insert = db.prepare(
      'INSERT INTO origin (source, calling_ae, called_ae, peer_address) VALUES (?, ?, ?, ?)',
    );
    this.#select = db.prepare(
      'SELECT id FROM origin WHERE source = ? AND calling_ae = ? AND called_ae = ? AND peer_address = ?',
    );
  }

  /** Must run inside a transaction. */
  idOf(origin: OriginFields): number {
    const fields: [string, string, string, string] = [
      origin.source,
      origin.callingAeTitle ?? '',
      origin.calledAeTitle ?? '',
      origin.peerAddress ?? '',
    ];
    const name = fields.join('\n');
    const cached = this.#ids.get(name);
    if (cached !== undefined) return cached;
    const id = this.#select.get(...fields)?.id ?? this.#add(name, fields);
    this.#ids.set(name, id);
    return id;
  }

  /** The transaction under way was committed. */
  keep(): void {
    if (this.#fresh.length > 0) this.#fresh = [];
  }

  /** Forgets the numbers that were taken back with the transaction under way. */
  forget(): void {
    for (const name of this.#fresh) this.#ids.delete(name);
    this.#fresh = [];
  }

  #add(name: string, fields: [string, string, string, string]): number {
    this.#fresh.push(name);
    return Number(this.#insert.run(...fields).lastInsertRowid);
  }
}
