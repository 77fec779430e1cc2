import type Database from 'better-sqlite3';

import type { InstanceOrigin } from '../core/study/instance.ts';

type OriginFields = Omit<InstanceOrigin, 'intakeId' | 'customer'>;

/** Interns how instances came in: a site has a few dozen such combinations, an archive millions of instances. */
export class Origins {
  readonly #insert: Database.Statement<[string, string, string, string]>;
  readonly #select: Database.Statement<[string, string, string, string], { id: number }>;

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
    const known = this.#select.get(...fields);
    if (known) return known.id;
    return Number(this.#insert.run(...fields).lastInsertRowid);
  }
}
