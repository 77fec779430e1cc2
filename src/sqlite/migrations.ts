/**
 * The schema, one step per released change; `PRAGMA user_version` counts the steps applied. Steps are never edited
 * once released. Times are milliseconds since 1970 UTC; `sha256` is of the Data Set bytes, lower-case hex (text reads
 * several times faster than blobs).
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE text_value (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
  ) STRICT;

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
    sop_class_id INTEGER NOT NULL REFERENCES text_value (id),
    transfer_syntax_id INTEGER NOT NULL REFERENCES text_value (id),
    -- JSON object; what slices of a series have in common, so without the instance number
    image_id INTEGER NOT NULL REFERENCES text_value (id),
    origin_id INTEGER NOT NULL REFERENCES origin (id),
    file_bytes INTEGER NOT NULL,
    data_set_offset INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    integrity TEXT NOT NULL CHECK (integrity IN ('complete', 'truncated', 'malformed')),
    received_at INTEGER NOT NULL,
    instance_number INTEGER,
    UNIQUE (series_id, sop_uid)
  ) STRICT;

  CREATE TABLE conflict (
    id INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    sop_uid TEXT NOT NULL,
    sha256 TEXT NOT NULL,
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
    sha256 TEXT NOT NULL
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
  CREATE INDEX outbox_by_state ON outbox (state, study_id);
  CREATE INDEX outbox_by_avara_study ON outbox (avara_study_id) WHERE avara_study_id IS NOT NULL;
  `,
  `
  CREATE INDEX instance_by_sop_uid ON instance (sop_uid);

  -- Storage commitment requests (PS3.4 Annex J): who asked, what for, and whether the report is still owed.
  CREATE TABLE commitment_request (
    id INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    calling_ae TEXT NOT NULL,
    called_ae TEXT NOT NULL,
    transaction_uid TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'reported', 'given-up')),
    reference_count INTEGER NOT NULL,
    -- of reference_list, to recognize a repeated request when the list is gone
    reference_sha256 BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    settled_at INTEGER,
    failed_attempts INTEGER NOT NULL,
    last_error TEXT,
    -- JSON: [[position in reference_list, failure reason], ...]; NULL until verified
    verdict TEXT,
    -- JSON: [[SOP Class UID, SOP Instance UID], ...]; NULL once settled. Long, so it stands last.
    reference_list TEXT,
    UNIQUE (calling_ae, transaction_uid, customer)
  ) STRICT;
  CREATE INDEX commitment_request_open ON commitment_request (id, calling_ae) WHERE state = 'open';
  CREATE INDEX commitment_request_settled ON commitment_request (settled_at) WHERE settled_at IS NOT NULL;
  `,
  // What became of files of watched folders and imports: one row per path, the latest.
  `
  CREATE TABLE file (
    id INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('folder', 'import')),
    path TEXT NOT NULL,
    -- last component of the path, in lower case
    name TEXT NOT NULL,
    stamp TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('stored', 'duplicate', 'conflict', 'archive', 'quarantined')),
    study_uid TEXT,
    series_uid TEXT,
    sop_uid TEXT,
    code TEXT,
    reason TEXT,
    quarantine_id TEXT,
    place TEXT NOT NULL CHECK (place IN ('kept', 'removed', 'moved', 'quarantine')),
    at INTEGER NOT NULL,
    UNIQUE (path, customer)
  ) STRICT;
  CREATE INDEX file_by_name ON file (name, at);
  CREATE INDEX file_gone ON file (at) WHERE place IN ('removed', 'moved');
  `,
  // Changes of studies at Avara, values that instances of a study disagree about, reports, and retrievals.
  `
  -- JSON of what Avara was last told
  ALTER TABLE outbox ADD COLUMN sent TEXT;
  ALTER TABLE outbox ADD COLUMN wish TEXT NOT NULL DEFAULT 'none' CHECK (wish IN ('none', 'cancel', 'uncancel'));
  ALTER TABLE outbox ADD COLUMN is_cancelled INTEGER NOT NULL DEFAULT 0;
  -- counts the reasons to tell Avara something, so that one that comes during an attempt is not lost
  ALTER TABLE outbox ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

  CREATE TABLE disagreement (
    study_id INTEGER NOT NULL REFERENCES study (id) ON DELETE CASCADE,
    keyword TEXT NOT NULL,
    value TEXT NOT NULL,
    instances INTEGER NOT NULL,
    -- the latest instance that states the value, and when it came
    sop_uid TEXT NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (study_id, keyword, value)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    report_id TEXT NOT NULL,
    avara_study_id TEXT NOT NULL,
    -- JSON: customers that the signature of the event speaks for
    signers TEXT NOT NULL,
    customer TEXT,
    study_uid TEXT,
    is_critical INTEGER NOT NULL,
    presigned_url TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'stored', 'repeated', 'attention')),
    -- 1, 2, ... per report_id once stored
    version INTEGER,
    -- of the PDF
    sha256 TEXT,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    last_error TEXT,
    plain_text TEXT
  ) STRICT;
  CREATE INDEX report_due ON report (due_at, id) WHERE state = 'pending';
  CREATE INDEX report_by_report_id ON report (report_id);
  CREATE INDEX report_by_study ON report (study_uid, customer);

  CREATE TABLE report_output (
    id INTEGER PRIMARY KEY,
    report INTEGER NOT NULL REFERENCES report (id) ON DELETE CASCADE,
    target TEXT NOT NULL CHECK (target IN ('folder', 'url', 'pacs')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'attention')),
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    last_error TEXT,
    -- how it ended, such as the SOP Instance UID sent
    detail TEXT,
    done_at INTEGER,
    UNIQUE (report, target)
  ) STRICT;
  CREATE INDEX report_output_due ON report_output (due_at, id) WHERE state = 'pending';

  -- Handles of ephemeral sessions: which studies one stands for.
  CREATE TABLE retrieval (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    -- JSON list of Study Instance UIDs
    studies TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX retrieval_by_expiry ON retrieval (expires_at);
  `,
  // Past Associations, oldest first; a line may stand for several attempts in vain.
  `
  CREATE TABLE association (
    id INTEGER PRIMARY KEY,
    association_id TEXT NOT NULL,
    peer_address TEXT NOT NULL,
    calling_ae TEXT,
    called_ae TEXT,
    customer TEXT,
    -- JSON: [[Abstract Syntax UID, Transfer Syntax UID], ...]
    contexts TEXT NOT NULL,
    objects INTEGER NOT NULL,
    refused_objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    last_error TEXT,
    attempts INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX association_by_calling_ae ON association (calling_ae);
  CREATE INDEX association_by_called_ae ON association (called_ae);
  CREATE INDEX association_failed ON association (outcome) WHERE outcome <> 'released';
  `,
];
