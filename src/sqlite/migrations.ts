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
  // What the status page needs and no request may count: totals kept in step by triggers, what happened to each study,
  // who sends what and when, who was refused, and how full the disk was.
  `
  -- 1: every outbox entry of the study is 'created', and there is one
  ALTER TABLE study ADD COLUMN is_announced INTEGER NOT NULL DEFAULT 0;
  UPDATE study SET is_announced = 1
  WHERE id IN (SELECT study_id FROM outbox WHERE state = 'created')
    AND id NOT IN (SELECT study_id FROM outbox WHERE state <> 'created');

  CREATE TABLE customer_total (
    customer TEXT PRIMARY KEY,
    studies INTEGER NOT NULL,
    receiving INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    -- instances of studies that are at Avara in every product
    announced INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO customer_total
  SELECT customer, count(*), sum(state = 'receiving'), sum(instances), sum(bytes), sum(instances * is_announced)
  FROM study GROUP BY customer;
  CREATE TRIGGER study_total_added AFTER INSERT ON study BEGIN
    INSERT INTO customer_total VALUES (NEW.customer, 1, NEW.state = 'receiving', NEW.instances, NEW.bytes,
      NEW.instances * NEW.is_announced)
    ON CONFLICT (customer) DO UPDATE SET studies = studies + 1, receiving = receiving + excluded.receiving,
      instances = instances + excluded.instances, bytes = bytes + excluded.bytes,
      announced = announced + excluded.announced;
  END;
  CREATE TRIGGER study_total_changed AFTER UPDATE OF state, instances, bytes, is_announced ON study
  WHEN NEW.customer = OLD.customer BEGIN
    UPDATE customer_total SET receiving = receiving + (NEW.state = 'receiving') - (OLD.state = 'receiving'),
      instances = instances + NEW.instances - OLD.instances, bytes = bytes + NEW.bytes - OLD.bytes,
      announced = announced + NEW.instances * NEW.is_announced - OLD.instances * OLD.is_announced
    WHERE customer = NEW.customer;
  END;
  CREATE TRIGGER study_total_moved AFTER UPDATE OF customer ON study WHEN NEW.customer <> OLD.customer BEGIN
    UPDATE customer_total SET studies = studies - 1, receiving = receiving - (OLD.state = 'receiving'),
      instances = instances - OLD.instances, bytes = bytes - OLD.bytes,
      announced = announced - OLD.instances * OLD.is_announced
    WHERE customer = OLD.customer;
    INSERT INTO customer_total VALUES (NEW.customer, 1, NEW.state = 'receiving', NEW.instances, NEW.bytes,
      NEW.instances * NEW.is_announced)
    ON CONFLICT (customer) DO UPDATE SET studies = studies + 1, receiving = receiving + excluded.receiving,
      instances = instances + excluded.instances, bytes = bytes + excluded.bytes,
      announced = announced + excluded.announced;
  END;
  CREATE TRIGGER study_total_removed AFTER DELETE ON study BEGIN
    UPDATE customer_total SET studies = studies - 1, receiving = receiving - (OLD.state = 'receiving'),
      instances = instances - OLD.instances, bytes = bytes - OLD.bytes,
      announced = announced - OLD.instances * OLD.is_announced
    WHERE customer = OLD.customer;
  END;

  -- One row per state as it is shown: a study that waits for a change only is at Avara.
  CREATE TABLE delivery_total (
    state TEXT PRIMARY KEY,
    total INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO delivery_total
  SELECT column1, (SELECT count(*) FROM outbox WHERE column1 =
    CASE WHEN outbox.state = 'pending' AND outbox.avara_study_id IS NOT NULL THEN 'created' ELSE outbox.state END)
  FROM (VALUES ('pending'), ('created'), ('attention'));
  CREATE TRIGGER outbox_total_added AFTER INSERT ON outbox BEGIN
    UPDATE delivery_total SET total = total + 1 WHERE state =
      CASE WHEN NEW.state = 'pending' AND NEW.avara_study_id IS NOT NULL THEN 'created' ELSE NEW.state END;
    UPDATE study SET is_announced = 0 WHERE id = NEW.study_id AND is_announced AND NEW.state <> 'created';
  END;
  CREATE TRIGGER outbox_total_changed AFTER UPDATE OF state, avara_study_id ON outbox
  WHEN NEW.state <> OLD.state OR NEW.avara_study_id IS NOT OLD.avara_study_id BEGIN
    UPDATE delivery_total SET total = total - 1 WHERE state =
      CASE WHEN OLD.state = 'pending' AND OLD.avara_study_id IS NOT NULL THEN 'created' ELSE OLD.state END;
    UPDATE delivery_total SET total = total + 1 WHERE state =
      CASE WHEN NEW.state = 'pending' AND NEW.avara_study_id IS NOT NULL THEN 'created' ELSE NEW.state END;
    UPDATE study SET is_announced = NOT is_announced WHERE id = NEW.study_id
      AND is_announced <> (SELECT min(state = 'created') FROM outbox WHERE study_id = NEW.study_id);
  END;
  CREATE TRIGGER outbox_total_removed AFTER DELETE ON outbox BEGIN
    UPDATE delivery_total SET total = total - 1 WHERE state =
      CASE WHEN OLD.state = 'pending' AND OLD.avara_study_id IS NOT NULL THEN 'created' ELSE OLD.state END;
    UPDATE study SET is_announced = NOT is_announced WHERE id = OLD.study_id
      AND is_announced <> coalesce((SELECT min(state = 'created') FROM outbox WHERE study_id = OLD.study_id), 0);
  END;

  -- What happened to a study, for its timeline. What repeats within a slot (an hour, mostly) shares a row.
  CREATE TABLE study_event (
    study_id INTEGER NOT NULL REFERENCES study (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    -- who did it, or the Avara product that it is about
    actor TEXT NOT NULL,
    slot INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    detail TEXT,
    peer_address TEXT,
    PRIMARY KEY (study_id, event, actor, slot)
  ) STRICT, WITHOUT ROWID;
  -- Within the transaction that makes the change, so that the timeline tells every change whoever makes it.
  CREATE TRIGGER study_event_state AFTER UPDATE OF state ON study WHEN NEW.state <> OLD.state BEGIN
    INSERT OR IGNORE INTO study_event
    SELECT NEW.id, CASE NEW.state WHEN 'stable' THEN 'study.stable' ELSE 'study.late_images' END, '', now, now, now, 1,
      CASE NEW.state WHEN 'stable' THEN CAST(NEW.instances AS TEXT) END, NULL
    FROM (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now);
  END;
  CREATE TRIGGER study_event_delivery AFTER UPDATE OF state ON outbox
  WHEN NEW.state IN ('created', 'attention') AND NEW.state <> OLD.state BEGIN
    INSERT OR IGNORE INTO study_event
    SELECT NEW.study_id,
      CASE WHEN NEW.state = 'attention' THEN 'delivery.attention'
        WHEN NEW.is_cancelled > OLD.is_cancelled THEN 'delivery.cancelled'
        WHEN NEW.is_cancelled < OLD.is_cancelled THEN 'delivery.uncancelled'
        WHEN OLD.avara_study_id IS NULL THEN 'delivery.created' ELSE 'delivery.updated' END,
      NEW.product, now, now, now, 1,
      CASE NEW.state WHEN 'attention' THEN NEW.last_error ELSE NEW.avara_study_id END, NULL
    FROM (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now);
  END;
  CREATE TRIGGER study_event_postponed AFTER UPDATE OF last_error ON outbox
  WHEN NEW.state = 'pending' AND NEW.last_error IS NOT NULL BEGIN
    INSERT INTO study_event
    SELECT NEW.study_id, 'delivery.postponed', NEW.product, now / 3600000, now, now, 1, NEW.last_error, NULL
    FROM (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now) WHERE true
    ON CONFLICT DO UPDATE SET last_at = excluded.last_at, count = count + 1, detail = excluded.detail;
  END;

  -- Who sends: one row per way in.
  CREATE TABLE sender (
    id INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    source TEXT NOT NULL,
    calling_ae TEXT NOT NULL,
    called_ae TEXT NOT NULL,
    -- of the latest instance
    peer_address TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    UNIQUE (customer, source, calling_ae, called_ae)
  ) STRICT;
  CREATE INDEX sender_by_last ON sender (last_at);
  CREATE TABLE sender_hour (
    sender_id INTEGER NOT NULL REFERENCES sender (id) ON DELETE CASCADE,
    -- since 1970 UTC
    hour INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (sender_id, hour)
  ) STRICT, WITHOUT ROWID;

  -- Who was not let in, with what was proposed.
  CREATE TABLE refused_sender (
    id INTEGER PRIMARY KEY,
    calling_ae TEXT NOT NULL,
    called_ae TEXT NOT NULL,
    peer_address TEXT NOT NULL,
    reason TEXT NOT NULL,
    explanation TEXT NOT NULL,
    -- JSON
    proposal TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    UNIQUE (calling_ae, called_ae, peer_address, reason)
  ) STRICT;
  CREATE INDEX refused_sender_by_last ON refused_sender (last_at);

  CREATE TABLE disk_hour (
    -- since 1970 UTC
    hour INTEGER PRIMARY KEY,
    free_bytes INTEGER NOT NULL,
    total_bytes INTEGER NOT NULL
  ) STRICT;
  `,
  // Studies that were removed, or moved to another customer, and what keeps others from being removed.
  `
  CREATE TABLE removal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    why TEXT NOT NULL CHECK (why IN ('age', 'size', 'free-space', 'moved')),
    -- the customer that a study was moved to
    moved_to TEXT,
    instances INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first_received_at INTEGER NOT NULL,
    last_received_at INTEGER NOT NULL,
    removed_at INTEGER NOT NULL,
    -- in-place: below objects/, unknown to the index; apart: below removed/; removed: none left
    files TEXT NOT NULL CHECK (files IN ('in-place', 'apart', 'removed'))
  ) STRICT;
  CREATE INDEX removal_by_study ON removal (study_uid, customer, id);
  CREATE INDEX removal_unfinished ON removal (id) WHERE files <> 'removed';

  -- Which entries of the ledger a removal took the objects of, as ranges of ledger.id.
  CREATE TABLE removal_ledger (
    first_id INTEGER PRIMARY KEY,
    last_id INTEGER NOT NULL,
    removal_id INTEGER NOT NULL REFERENCES removal (id)
  ) STRICT;
  CREATE INDEX removal_ledger_by_removal ON removal_ledger (removal_id);
  CREATE TABLE removal_total (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    instances INTEGER NOT NULL
  ) STRICT;
  INSERT INTO removal_total VALUES (1, 0);
  CREATE TRIGGER removal_ledger_added AFTER INSERT ON removal_ledger BEGIN
    UPDATE removal_total SET instances = instances + NEW.last_id - NEW.first_id + 1;
  END;
  CREATE INDEX ledger_stored ON ledger (subject_id) WHERE outcome = 'stored';

  -- Where the study was at Avara: images of it that come again belong there.
  CREATE TABLE removal_delivery (
    removal_id INTEGER NOT NULL REFERENCES removal (id),
    product TEXT NOT NULL,
    avara_study_id TEXT NOT NULL,
    is_cancelled INTEGER NOT NULL,
    PRIMARY KEY (removal_id, product)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX removal_delivery_by_avara_study ON removal_delivery (avara_study_id);

  -- When a storage commitment of instances of the study was last given.
  CREATE TABLE study_commitment (
    study_id INTEGER PRIMARY KEY REFERENCES study (id) ON DELETE CASCADE,
    committed_at INTEGER NOT NULL
  ) STRICT;
  -- Until when URLs are good that were handed out for the study.
  CREATE TABLE study_hand_out (
    study_id INTEGER PRIMARY KEY REFERENCES study (id) ON DELETE CASCADE,
    until INTEGER NOT NULL
  ) STRICT;

  CREATE INDEX conflict_by_study ON conflict (study_uid, customer);
  CREATE INDEX report_unfinished ON report (avara_study_id) WHERE state IN ('pending', 'attention');
  `,
  // Counting reports by state reads no report.
  `
  CREATE INDEX report_by_state ON report (state);
  CREATE INDEX report_output_by_state ON report_output (state);
  `,
  // What DICOMweb searches by. Triggers keep the columns in step with the attributes, whoever writes those; generated
  // columns would be worked out anew with every instance.
  `
  ALTER TABLE study ADD COLUMN study_date TEXT NOT NULL DEFAULT '';
  ALTER TABLE study ADD COLUMN study_time TEXT NOT NULL DEFAULT '';
  ALTER TABLE study ADD COLUMN patient_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE study ADD COLUMN accession_number TEXT NOT NULL DEFAULT '';
  CREATE TRIGGER study_keys_changed AFTER UPDATE OF attributes ON study BEGIN
    UPDATE study SET
      study_date = replace(coalesce(NEW.attributes ->> '$.StudyDate', ''), '.', ''),
      study_time = coalesce(NEW.attributes ->> '$.StudyTime', ''),
      patient_id = coalesce(NEW.attributes ->> '$.PatientID', ''),
      accession_number = coalesce(NEW.attributes ->> '$.AccessionNumber', '')
    WHERE id = NEW.id;
  END;
  CREATE TRIGGER study_keys_added AFTER INSERT ON study BEGIN
    UPDATE study SET attributes = NEW.attributes WHERE id = NEW.id;
  END;
  UPDATE study SET attributes = attributes;
  CREATE INDEX study_by_date ON study (customer, study_date, study_time);
  CREATE INDEX study_by_patient ON study (customer, patient_id, study_date, study_time);
  CREATE INDEX study_by_accession ON study (customer, accession_number, study_date, study_time);
  CREATE INDEX series_by_uid ON series (series_uid);

  -- text_value.id of the SOP Classes of its instances, with commas between
  ALTER TABLE series ADD COLUMN sop_classes TEXT NOT NULL DEFAULT '';
  UPDATE series SET sop_classes = coalesce(
    (SELECT group_concat(DISTINCT sop_class_id) FROM instance WHERE instance.series_id = series.id), '');
  `,
  // What somebody was told of, and when the daemon ran.
  `
  CREATE TABLE alert (
    key TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    -- JSON: AlertEntry
    entry TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE service_run (
    id INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    -- NULL: it runs, or it did not end in order
    ended_at INTEGER
  ) STRICT;
  `,
  // Moving a study to another customer: links being made, and what is to happen at Avara in which order.
  `
  CREATE TABLE study_move (
    id INTEGER PRIMARY KEY,
    from_customer TEXT NOT NULL,
    to_customer TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    started_at INTEGER NOT NULL
  ) STRICT;
  -- 1: of a study that was moved away: it is cancelled where Avara has it, and forgotten where not
  ALTER TABLE outbox ADD COLUMN is_moved_away INTEGER NOT NULL DEFAULT 0;
  -- the entry of the customer that the study was moved from, which must be cancelled before this one is sent
  ALTER TABLE outbox ADD COLUMN after_entry INTEGER;
  CREATE INDEX outbox_moved_away ON outbox (study_id) WHERE is_moved_away = 1;
  CREATE INDEX outbox_after_entry ON outbox (after_entry) WHERE after_entry IS NOT NULL;
  `,
  // The background check: how far its round is, what was looked at when, what it found.
  `
  CREATE TABLE scrub_round (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    started_at INTEGER NOT NULL,
    -- NULL: under way
    finished_at INTEGER,
    area TEXT NOT NULL CHECK (area IN ('objects', 'conflicts')),
    after_id INTEGER NOT NULL,
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT;
  -- Objects up to this instance.id, from the mark before on, were looked at then or later.
  CREATE TABLE scrub_mark (
    last_id INTEGER PRIMARY KEY,
    checked_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE damaged_object (
    path TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    customer TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    sop_uid TEXT NOT NULL,
    detail TEXT NOT NULL,
    remedy TEXT,
    found_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // An index that says which studies are being received, and changes only when that does: not with every instance.
  `
  DROP INDEX study_receiving;
  CREATE INDEX study_receiving ON study (customer) WHERE state = 'receiving';
  `,
  // How many files were in quarantine, at the lowest, around a time of the last day.
  `
  CREATE TABLE quarantine_sample (
    at INTEGER PRIMARY KEY,
    lowest INTEGER NOT NULL
  ) STRICT;
  `,
];
