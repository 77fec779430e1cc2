/**
 * The schema, one step per released change; `PRAGMA user_version` counts the steps applied. Steps are never edited
 * once released. Times are milliseconds since 1970 UTC; `sha256` is of the Data Set bytes.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE origin (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    calling_ae TEXT NOT NULL,
    called_ae TEXT NOT NULL,
    peer_address TEXT NOT NULL,
    UNIQUE (source, calling_ae, called_ae, peer_address)
  ) STRICT;

  CREATE TABLE study (
    id INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('receiving', 'stable')),
    instances INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first_received_at INTEGER NOT NULL,
    last_received_at INTEGER NOT NULL,
    modalities TEXT NOT NULL,
    origin_id INTEGER NOT NULL REFERENCES origin (id),
    -- 0: attributes come from an image, 1: from an object that describes others (SR, PR, KO)
    attributes_rank INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    UNIQUE (study_uid, customer)
  ) STRICT;
  CREATE INDEX study_by_last_received ON study (last_received_at, id);
  CREATE INDEX study_by_customer ON study (customer, last_received_at, id);
  CREATE INDEX study_receiving ON study (last_received_at) WHERE state = 'receiving';

  CREATE TABLE study_term (
    term TEXT NOT NULL,
    study_id INTEGER NOT NULL REFERENCES study (id) ON DELETE CASCADE,
    PRIMARY KEY (term, study_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX study_term_by_study ON study_term (study_id);

  CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id) ON DELETE CASCADE,
    series_uid TEXT NOT NULL,
    series_number INTEGER,
    instances INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    UNIQUE (study_id, series_uid)
  ) STRICT;

  CREATE TABLE instance (
    id INTEGER PRIMARY KEY,
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    sop_uid TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    origin_id INTEGER NOT NULL REFERENCES origin (id),
    file_bytes INTEGER NOT NULL,
    data_set_offset INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    integrity TEXT NOT NULL CHECK (integrity IN ('complete', 'truncated', 'malformed')),
    received_at INTEGER NOT NULL,
    instance_number INTEGER,
    image TEXT NOT NULL,
    UNIQUE (series_id, sop_uid)
  ) STRICT;

  CREATE TABLE conflict (
    id INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    sop_uid TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    file_bytes INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    path TEXT NOT NULL UNIQUE,
    origin_id INTEGER NOT NULL REFERENCES origin (id)
  ) STRICT;

  -- One row per object kept, never changed or removed: what was acknowledged, when, and the bytes it stands for.
  CREATE TABLE ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    outcome TEXT NOT NULL CHECK (outcome IN ('stored', 'conflict')),
    -- instance.id or conflict.id; without a foreign key, so that the entry outlives what it tells of
    subject_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    file_bytes INTEGER NOT NULL,
    sha256 BLOB NOT NULL
  ) STRICT;

  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    product TEXT NOT NULL CHECK (product IN ('viewer', 'autoScribe')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'created', 'attention')),
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    avara_study_id TEXT,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (study_id, product)
  ) STRICT;
  CREATE INDEX outbox_due ON outbox (due_at, id) WHERE state = 'pending';
  CREATE INDEX outbox_by_state ON outbox (state);
  CREATE INDEX outbox_by_avara_study ON outbox (avara_study_id) WHERE avara_study_id IS NOT NULL;
  `,
];
