-- People decide about photographs, families withdraw them, and every file is read again in time.

SET LOCAL search_path = restoration;

-- Vocabulary ------------------------------------------------------------------------------------------------------

ALTER TYPE publication_state ADD VALUE 'removed';
COMMENT ON TYPE publication_state IS
    'Where a publication stands. Only one of a collection is current; abandoned ones were left half-written; the files of removed ones are gone, their record is not.';

ALTER TYPE reason_code ADD VALUE 'awaiting_review';
ALTER TYPE reason_code ADD VALUE 'awaiting_faces_off';
ALTER TYPE reason_code ADD VALUE 'reviewer_rejected';
ALTER TYPE reason_code ADD VALUE 'reviewer_kept_original';
ALTER TYPE reason_code ADD VALUE 'label_invalid';
ALTER TYPE reason_code ADD VALUE 'fixity_changed';
ALTER TYPE reason_code ADD VALUE 'fixity_missing';
ALTER TYPE reason_code ADD VALUE 'model_retired';

-- Restorations: tiles for viewers, and the variant without faces -----------------------------------------------------

ALTER TABLE restoration
    ADD COLUMN tiles_before_key text,
    ADD COLUMN tiles_after_key text,
    ADD COLUMN variant text NOT NULL DEFAULT '' CHECK (variant IN ('', 'faces_off'));
COMMENT ON COLUMN restoration.tiles_before_key IS
    'Key of the ZIP file with the scan''s tiles (IIIF Image API 3, level 0); null where none were made.';
COMMENT ON COLUMN restoration.tiles_after_key IS
    'Key of the ZIP file with the restored photograph''s tiles; null where none were made.';
COMMENT ON COLUMN restoration.variant IS
    'Empty: the recipe of the run as it stands. faces_off: that recipe with its face restorers taken out, because a person decided so.';

-- Photographs: what the giver said the bytes are, and when they were last read ---------------------------------------

ALTER TABLE photo
    ADD COLUMN declared_sha256 text CHECK (declared_sha256 ~ '^[0-9a-f]{64}$'),
    ADD COLUMN fixity_checked_at timestamptz,
    ADD COLUMN fixity text CHECK (fixity IN ('intact', 'changed', 'missing'));
CREATE INDEX photo_fixity ON photo (collection_id, fixity_checked_at NULLS FIRST)
    WHERE current AND missing_since IS NULL AND content_sha256 IS NOT NULL;
COMMENT ON COLUMN photo.declared_sha256 IS
    'Hash of the scan as the collection''s metadata.csv gives it; a scan that differs is rejected.';
COMMENT ON COLUMN photo.fixity_checked_at IS 'When the scan was last read again and its hash compared; null: not since it was restored.';
COMMENT ON COLUMN photo.fixity IS 'What the last check found: intact, changed or missing.';
COMMENT ON INDEX photo_fixity IS 'The scans that have gone longest without a fixity check.';

-- Publications ----------------------------------------------------------------------------------------------------

ALTER TABLE publication
    ADD COLUMN fixity_cursor text NOT NULL DEFAULT '',
    ADD COLUMN fixity_checked_at timestamptz,
    ADD COLUMN fixity text CHECK (fixity IN ('intact', 'changed', 'missing')),
    ADD COLUMN removed_at timestamptz;
COMMENT ON COLUMN publication.fixity_cursor IS 'Last file that the fixity check under way has read; empty between two checks.';
COMMENT ON COLUMN publication.fixity_checked_at IS 'When all its files were last read again; null: not since it was verified.';
COMMENT ON COLUMN publication.fixity IS 'What the last complete check found: intact, changed or missing.';
COMMENT ON COLUMN publication.removed_at IS 'When its files were removed after a withdrawal; its record stays.';

ALTER TABLE publication_photo
    ADD COLUMN shown_as text NOT NULL DEFAULT 'restored' CHECK (shown_as IN ('restored', 'original', 'listed', 'withdrawn')),
    ADD COLUMN output_sha256 text CHECK (output_sha256 ~ '^[0-9a-f]{64}$');
UPDATE publication_photo SET shown_as = 'listed' WHERE restoration_id IS NULL;
COMMENT ON COLUMN publication_photo.shown_as IS
    'restored: with its restored picture. original: only as it was scanned. listed: with its reason alone. withdrawn: a tombstone.';
COMMENT ON COLUMN publication_photo.output_sha256 IS
    'Hash of the published file, which carries labels that the restored file has not; null where none is shown, and in older versions.';

CREATE INDEX event_publication ON event (publication_id) WHERE publication_id IS NOT NULL;
COMMENT ON INDEX event_publication IS 'The history of one publication, and which of its files are damaged.';

-- Withdrawals -----------------------------------------------------------------------------------------------------

CREATE TABLE withdrawal (
    withdrawal_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    object_key      text NOT NULL,
    reason          text NOT NULL CHECK (reason <> ''),
    recorded_by     text NOT NULL CHECK (recorded_by <> ''),
    withdrawn_at    timestamptz NOT NULL DEFAULT now(),
    lifted_at       timestamptz,
    lifted_by       text,
    CONSTRAINT withdrawal_lift_is_whole CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE UNIQUE INDEX withdrawal_in_force ON withdrawal (collection_id, object_key) WHERE lifted_at IS NULL;
COMMENT ON TABLE withdrawal IS
    'Scans that are no longer restored or published, for instance by a family''s wish. Holds for the key, so also for a newer scan of that name.';
COMMENT ON COLUMN withdrawal.withdrawal_id IS 'Number of the withdrawal.';
COMMENT ON COLUMN withdrawal.collection_id IS 'Collection of the scan.';
COMMENT ON COLUMN withdrawal.object_key IS 'Key of the scan.';
COMMENT ON COLUMN withdrawal.reason IS 'Why, in words that are published in the photograph''s place.';
COMMENT ON COLUMN withdrawal.recorded_by IS 'Who put it on record; not published.';
COMMENT ON COLUMN withdrawal.withdrawn_at IS 'Since when.';
COMMENT ON COLUMN withdrawal.lifted_at IS 'When it was lifted; null while it is in force.';
COMMENT ON COLUMN withdrawal.lifted_by IS 'Who lifted it.';
COMMENT ON INDEX withdrawal_in_force IS 'One withdrawal in force a scan; look-up by key.';

-- Policy ----------------------------------------------------------------------------------------------------------

CREATE TABLE policy (
    one             boolean PRIMARY KEY DEFAULT true CHECK (one),
    fixity_days     integer NOT NULL DEFAULT 90 CHECK (fixity_days > 0)
);
INSERT INTO policy DEFAULT VALUES;
COMMENT ON TABLE policy IS 'What the views need to know of the settings: one row, kept up to date by the DAG verify_archive.';
COMMENT ON COLUMN policy.one IS 'True: there is one row.';
COMMENT ON COLUMN policy.fixity_days IS 'Days within which every original and every published file is to be read again.';

-- What a person's word means now -----------------------------------------------------------------------------------

CREATE FUNCTION decision_in_force(of_photo bigint, of_restoration bigint) RETURNS review_decision
    LANGUAGE sql STABLE SECURITY DEFINER COST 1000
    SET search_path = restoration, pg_temp
    RETURN (SELECT CASE WHEN v.decision = 'accept' AND v.restoration_id <> of_restoration THEN NULL ELSE v.decision END
              FROM review v WHERE v.photo_id = of_photo ORDER BY v.review_id DESC LIMIT 1);
COMMENT ON FUNCTION decision_in_force(bigint, bigint) IS
    'The last decision about a photograph. An acceptance holds for the restoration that the person saw; every other decision until the next one.';

CREATE FUNCTION faces_altered(of_restoration bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER COST 1000
    SET search_path = restoration, pg_temp
    RETURN EXISTS (SELECT FROM face f WHERE f.restoration_id = of_restoration AND f.action IN ('restored', 'blended'));
COMMENT ON FUNCTION faces_altered(bigint) IS 'Whether a restoration changed any face.';

CREATE FUNCTION awaits_review(p photo) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER COST 3000
    SET search_path = restoration, pg_temp
    RETURN p.current AND p.state IN ('restored', 'needs_review')
       AND NOT EXISTS (SELECT FROM withdrawal w WHERE w.collection_id = p.collection_id AND w.object_key = p.object_key
                          AND w.lifted_at IS NULL)
       AND CASE decision_in_force(p.photo_id, p.restoration_id)
                WHEN 'keep_original' THEN false
                WHEN 'accept' THEN false
                WHEN 'accept_without_faces' THEN false
                WHEN 'reject' THEN (SELECT v.restoration_id FROM review v WHERE v.photo_id = p.photo_id
                                     ORDER BY v.review_id DESC LIMIT 1) <> p.restoration_id
                ELSE p.state = 'needs_review' END;
COMMENT ON FUNCTION awaits_review(photo) IS
    'Whether a person must look: a rule of the recipe asked for it and nobody has decided, or what was rejected has been restored anew.';

-- Views -----------------------------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW audit.needs_review AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.dublin_core ->> 'title' AS title, p.reason::text AS reason,
       p.reason_detail, r.recipe, r.ai_altered, r.output_key, r.preview_before_key, r.preview_after_key,
       c.sensitivity::text AS sensitivity, c.consent::text AS consent,
       (SELECT count(*) FROM face f WHERE f.restoration_id = r.restoration_id) AS faces,
       (SELECT min(f.identity) FROM face f WHERE f.restoration_id = r.restoration_id) AS lowest_identity,
       p.finished_at AS waiting_since, decision_in_force(p.photo_id, p.restoration_id)::text AS earlier_decision
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN restoration r USING (restoration_id)
    -- what may wait, from indexes; the function answers for those alone
 WHERE p.photo_id IN (SELECT q.photo_id FROM photo q WHERE q.current AND q.state = 'needs_review'
                      UNION SELECT v.photo_id FROM review v WHERE v.decision = 'reject')
   AND awaits_review(p);
COMMENT ON COLUMN audit.needs_review.earlier_decision IS
    'reject, where a person rejected an earlier restoration; null where nobody has decided yet.';

CREATE OR REPLACE VIEW audit.photo AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.version_id, p.current, p.missing_since,
       p.state::text AS state, p.reason::text AS reason, p.reason_detail, p.attempts,
       's3://' || split_part(c.source_uri, '/', 3) || '/' || p.object_key AS source_uri,
       p.content_sha256 AS source_sha256, p.etag AS source_etag, p.size_bytes AS source_bytes, p.format AS source_format,
       p.width AS source_width, p.height AS source_height, p.bits AS source_bits, p.duplicate_of,
       p.dublin_core ->> 'title' AS title,
       r.restoration_id, r.recipe, coalesce(r.recipe_sha256, p.recipe_sha256) AS recipe_sha256,
       r.output_key, r.output_sha256, r.output_bytes, r.output_format, r.output_width, r.output_height, r.output_bits,
       r.ai_altered,
       (SELECT jsonb_agg(jsonb_build_object('name', m.name, 'version', m.version, 'weights_sha256', m.weights_sha256,
                                            'licence', m.licence) ORDER BY m.name, m.model_version_id)
          FROM model_version m
         WHERE m.model_version_id IN (
               SELECT s.model_version_id FROM step_record s WHERE s.restoration_id = p.restoration_id
               UNION ALL
               SELECT unnest(ARRAY[f.detector_id, f.restorer_id, f.identity_model_id])
                 FROM face f WHERE f.restoration_id = p.restoration_id)) AS models,
       r.models_sha256, r.device, r.device_class, r.worker, r.code_version, r.seconds,
       (SELECT jsonb_object_agg(s.ordinal || ' ' || s.step, round(s.seconds::numeric, 4))
          FROM step_record s WHERE s.restoration_id = p.restoration_id) AS step_seconds,
       metric.before AS metrics_before, metric.after AS metrics_after, metric.pair AS metrics_pair,
       coalesce(faces.found, 0) AS faces, coalesce(faces.restored, 0) AS faces_restored, faces.lowest_identity,
       decision.decision::text AS review, decision.reviewer, decision.decided_at AS reviewed_at,
       shown.version AS published_version, shown.uri AS published_uri, shown.payload_name AS published_name,
       shown.restoration_id AS published_restoration_id,
       p.first_seen_at, p.finished_at,
       shown.shown_as, shown.output_sha256 AS published_sha256,
       decision_in_force(p.photo_id, p.restoration_id)::text AS decision_in_force, awaits_review(p) AS awaits_review,
       r.variant,
       (SELECT w.withdrawn_at FROM withdrawal w
         WHERE w.collection_id = p.collection_id AND w.object_key = p.object_key AND w.lifted_at IS NULL) AS withdrawn_at,
       r.tiles_after_key
  FROM photo p
  JOIN collection c USING (collection_id)
  LEFT JOIN restoration r ON r.restoration_id = p.restoration_id
  LEFT JOIN LATERAL (
       SELECT jsonb_object_agg(m.metric, m.value) FILTER (WHERE m.stage = 'source') AS before,
              jsonb_object_agg(m.metric, m.value) FILTER (WHERE m.stage = 'restored') AS after,
              jsonb_object_agg(m.metric, m.value) FILTER (WHERE m.stage = 'pair') AS pair
         FROM measurement m WHERE m.restoration_id = p.restoration_id) metric ON true
  LEFT JOIN LATERAL (
       SELECT count(*) AS found, count(*) FILTER (WHERE f.action IN ('restored', 'blended')) AS restored,
              min(f.identity) AS lowest_identity
         FROM face f WHERE f.restoration_id = p.restoration_id) faces ON true
  LEFT JOIN LATERAL (
       SELECT v.decision, v.reviewer, v.decided_at FROM review v
        WHERE v.photo_id = p.photo_id ORDER BY v.review_id DESC LIMIT 1) decision ON true
  LEFT JOIN LATERAL (
       SELECT b.version, b.uri, pp.payload_name, pp.restoration_id, pp.shown_as, pp.output_sha256
         FROM publication_photo pp JOIN publication b USING (publication_id)
        WHERE pp.photo_id = p.photo_id AND b.state = 'current' LIMIT 1) shown ON true;
COMMENT ON COLUMN audit.photo.shown_as IS
    'How the current archive shows it: restored, original (as it was scanned), listed (with its reason alone) or withdrawn.';
COMMENT ON COLUMN audit.photo.published_sha256 IS
    'Hash of its restored file in the current archive, which carries labels that the file of output_sha256 has not.';
COMMENT ON COLUMN audit.photo.decision_in_force IS
    'The decision of a person that counts now; null where there is none, or where what was accepted has been restored anew.';
COMMENT ON COLUMN audit.photo.awaits_review IS 'Whether a person must look at it.';
COMMENT ON COLUMN audit.photo.variant IS
    'faces_off where the recipe''s face restorers were taken out because a person decided so; else empty.';
COMMENT ON COLUMN audit.photo.withdrawn_at IS 'Since when the scan is withdrawn; null while it is not.';
COMMENT ON COLUMN audit.photo.tiles_after_key IS 'Key of the ZIP file with the restored photograph''s tiles.';

CREATE OR REPLACE VIEW audit.lineage AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.version_id, p.current, run.run_id, run.dag_run_id, bp.batch_id,
       bp.state::text AS outcome, bp.reason::text AS reason, bp.reason_detail, p.content_sha256 AS source_sha256,
       coalesce(r.recipe, run.recipe) AS recipe, coalesce(r.recipe_sha256, run.recipe_sha256) AS recipe_sha256,
       r.models_sha256, r.restoration_id, r.output_key, r.output_sha256, r.device_class, r.code_version,
       r.first_run_id AS made_in_run_id, bp.finished_at,
       (SELECT array_agg(b.version ORDER BY b.version)
          FROM publication_photo pp JOIN publication b USING (publication_id)
         WHERE pp.photo_id = p.photo_id AND pp.restoration_id = bp.restoration_id
           AND b.state IN ('current', 'superseded')) AS published_versions,
       r.variant
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN batch_photo bp ON bp.photo_id = p.photo_id
  JOIN batch b ON b.batch_id = bp.batch_id
  JOIN run ON run.run_id = b.run_id
  LEFT JOIN restoration r ON r.restoration_id = bp.restoration_id;
COMMENT ON COLUMN audit.lineage.variant IS
    'faces_off where the run''s recipe lost its face restorers for this photograph because a person decided so; else empty.';

CREATE VIEW audit.review AS
SELECT v.review_id, c.name AS collection, p.object_key, v.photo_id, v.restoration_id, v.decision::text AS decision,
       v.reviewer, v.words, v.decided_at,
       v.review_id = (SELECT max(l.review_id) FROM review l WHERE l.photo_id = v.photo_id) AS latest,
       v.restoration_id = p.restoration_id AS of_this_restoration
  FROM review v JOIN photo p USING (photo_id) JOIN collection c USING (collection_id);
COMMENT ON VIEW audit.review IS 'Every decision of a person about a photograph; the latest one counts.';
COMMENT ON COLUMN audit.review.review_id IS 'Number of the review.';
COMMENT ON COLUMN audit.review.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.review.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.review.photo_id IS 'The photograph.';
COMMENT ON COLUMN audit.review.restoration_id IS 'The restoration that the person saw.';
COMMENT ON COLUMN audit.review.decision IS 'accept, reject, accept_without_faces or keep_original.';
COMMENT ON COLUMN audit.review.reviewer IS 'Who decided.';
COMMENT ON COLUMN audit.review.words IS 'Why, in the reviewer''s words.';
COMMENT ON COLUMN audit.review.decided_at IS 'When.';
COMMENT ON COLUMN audit.review.latest IS 'Whether it is the photograph''s latest decision.';
COMMENT ON COLUMN audit.review.of_this_restoration IS 'Whether the photograph still shows the restoration that the person saw.';

CREATE VIEW audit.withdrawal AS
SELECT c.name AS collection, w.object_key, w.reason, w.recorded_by, w.withdrawn_at, w.lifted_at, w.lifted_by,
       (SELECT array_agg(DISTINCT b.version ORDER BY b.version)
          FROM photo p JOIN publication_photo pp USING (photo_id) JOIN publication b USING (publication_id)
         WHERE p.collection_id = w.collection_id AND p.object_key = w.object_key
           AND pp.shown_as IN ('restored', 'original') AND b.state IN ('current', 'superseded')) AS still_shown_in
  FROM withdrawal w JOIN collection c USING (collection_id);
COMMENT ON VIEW audit.withdrawal IS 'Scans that were withdrawn, and the versions of the archive that still show them.';
COMMENT ON COLUMN audit.withdrawal.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.withdrawal.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.withdrawal.reason IS 'Why, in words that are published.';
COMMENT ON COLUMN audit.withdrawal.recorded_by IS 'Who put it on record.';
COMMENT ON COLUMN audit.withdrawal.withdrawn_at IS 'Since when.';
COMMENT ON COLUMN audit.withdrawal.lifted_at IS 'When it was lifted; null while it is in force.';
COMMENT ON COLUMN audit.withdrawal.lifted_by IS 'Who lifted it.';
COMMENT ON COLUMN audit.withdrawal.still_shown_in IS 'Versions that show the photograph and whose files are still there.';

CREATE VIEW audit.fixity AS
SELECT 'original' AS kind, c.name AS collection, p.object_key AS name, p.photo_id, NULL::integer AS version,
       p.fixity_checked_at AS checked_at, p.fixity AS found,
       coalesce(p.fixity_checked_at, p.finished_at, p.first_seen_at) AS last_read_at
  FROM photo p JOIN collection c USING (collection_id)
 WHERE p.current AND p.missing_since IS NULL AND p.content_sha256 IS NOT NULL
UNION ALL
SELECT 'publication', c.name, b.uri, NULL, b.version, b.fixity_checked_at, b.fixity,
       coalesce(b.fixity_checked_at, b.verified_at)
  FROM publication b JOIN collection c USING (collection_id)
 WHERE b.state IN ('current', 'superseded');
COMMENT ON VIEW audit.fixity IS 'Every original and every publication, with the time and the result of its last fixity check.';
COMMENT ON COLUMN audit.fixity.kind IS 'original or publication.';
COMMENT ON COLUMN audit.fixity.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.fixity.name IS 'Key of the scan, or address of the publication.';
COMMENT ON COLUMN audit.fixity.photo_id IS 'The photograph; null for a publication.';
COMMENT ON COLUMN audit.fixity.version IS 'Version of the archive; null for an original.';
COMMENT ON COLUMN audit.fixity.checked_at IS 'When a fixity check last read it; null: never yet.';
COMMENT ON COLUMN audit.fixity.found IS 'What that check found: intact, changed or missing.';
COMMENT ON COLUMN audit.fixity.last_read_at IS 'When its bytes were last known to be right: that check, or else its restoration or its publication.';

CREATE VIEW audit.fixity_overdue AS
SELECT f.kind, f.collection, f.name, f.photo_id, f.version, f.checked_at, f.found, f.last_read_at, y.fixity_days,
       f.last_read_at + make_interval(days => y.fixity_days) AS due_at
  FROM audit.fixity f CROSS JOIN policy y
 WHERE f.found IN ('changed', 'missing') OR f.last_read_at < now() - make_interval(days => y.fixity_days);
COMMENT ON VIEW audit.fixity_overdue IS
    'Originals and publications that were not read again in time, or that the last check found changed or missing.';
COMMENT ON COLUMN audit.fixity_overdue.kind IS 'original or publication.';
COMMENT ON COLUMN audit.fixity_overdue.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.fixity_overdue.name IS 'Key of the scan, or address of the publication.';
COMMENT ON COLUMN audit.fixity_overdue.photo_id IS 'The photograph; null for a publication.';
COMMENT ON COLUMN audit.fixity_overdue.version IS 'Version of the archive; null for an original.';
COMMENT ON COLUMN audit.fixity_overdue.checked_at IS 'When a fixity check last read it; null: never yet.';
COMMENT ON COLUMN audit.fixity_overdue.found IS 'What that check found: intact, changed or missing.';
COMMENT ON COLUMN audit.fixity_overdue.last_read_at IS 'When its bytes were last known to be right.';
COMMENT ON COLUMN audit.fixity_overdue.fixity_days IS 'Days within which it is to be read again.';
COMMENT ON COLUMN audit.fixity_overdue.due_at IS 'When it should have been read again at the latest.';

CREATE OR REPLACE VIEW audit.publication AS
SELECT c.name AS collection, b.version, b.state::text AS state, b.uri, b.run_id, b.content_sha256, b.manifest_sha256,
       b.chain_head, b.photo_count, b.byte_count, b.created_at, b.verified_at, b.current_at, b.fixity_checked_at,
       b.fixity, b.removed_at
  FROM publication b JOIN collection c USING (collection_id);
COMMENT ON COLUMN audit.publication.fixity_checked_at IS 'When all its files were last read again.';
COMMENT ON COLUMN audit.publication.fixity IS 'What that check found: intact, changed or missing.';
COMMENT ON COLUMN audit.publication.removed_at IS 'When its files were removed after a withdrawal.';

COMMENT ON COLUMN event.event_type IS
    'What happened: ingestion, replacement, missing, rejection, restoration, deduplication, failure, quarantine, '
    'run_opened, run_planned, run_finished, cancellation, approval, publication, review, withdrawal, removal, fixity_check.';

-- Who may do what -------------------------------------------------------------------------------------------------

GRANT SELECT ON audit.review, audit.withdrawal, audit.fixity, audit.fixity_overdue
    TO restoration_auditor, restoration_ingest, restoration_worker, restoration_publisher;
GRANT SELECT ON withdrawal, policy TO restoration_ingest, restoration_publisher, restoration_worker;
GRANT SELECT ON review TO restoration_worker;
GRANT INSERT ON withdrawal TO restoration_publisher;
GRANT UPDATE (lifted_at, lifted_by) ON withdrawal TO restoration_publisher;
GRANT UPDATE ON policy TO restoration_ingest, restoration_publisher;
GRANT UPDATE (fixity_checked_at, fixity) ON photo TO restoration_publisher;
