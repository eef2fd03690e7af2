-- Every full-size page of a scan is a photograph of its own: parts of one file. Until workers of this version have read a
-- file nothing is another than before, and the release before goes on working on this schema.

SET LOCAL search_path = restoration;

-- Parts of a file -------------------------------------------------------------------------------------------------

ALTER TABLE photo
    ADD COLUMN file_key text,
    ADD COLUMN part integer NOT NULL DEFAULT 1 CHECK (part >= 1),
    ADD COLUMN page integer NOT NULL DEFAULT 1 CHECK (page >= 1),
    ADD COLUMN file_sha256 text CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT photo_part_has_file CHECK (part = 1 OR file_key IS NOT NULL);
CREATE UNIQUE INDEX photo_part ON photo (collection_id, file_key, part) WHERE current AND file_key IS NOT NULL;
CREATE INDEX photo_file ON photo (collection_id, file_key) WHERE file_key IS NOT NULL;
COMMENT ON TABLE photo IS
    'One photograph: collection, key and version of its file, and which part of the file it is. A replaced object is a new row; the old one stops being current.';
COMMENT ON COLUMN photo.object_key IS
    'Name of the photograph: the key of its file, with #2, #3, ... behind it for further parts of one file.';
COMMENT ON COLUMN photo.content_sha256 IS
    'Identity of the photograph''s content, known once a worker has read it: the hash of the scan''s bytes; of a further page, a hash over that and the page.';
COMMENT ON COLUMN photo.scan IS 'More facts of the scan: channels, page and pages, dpi, ICC profile, embedded metadata.';
COMMENT ON COLUMN photo.file_key IS
    'Key of its file in the bucket, where that is another than object_key: of further parts, and where a page of another file had the name first. Null: object_key is the key.';
COMMENT ON COLUMN photo.part IS
    'Which of its file''s photographs it is. The first comes with the listing, the others once a worker has read the file.';
COMMENT ON COLUMN photo.page IS 'The page of its file that shows it, from 1; thumbnails and smaller copies do not count.';
COMMENT ON COLUMN photo.file_sha256 IS 'Hash of its file''s bytes where that is not content_sha256: of further parts, once a worker has read them.';
COMMENT ON INDEX photo_part IS 'One current photograph a part; the parts of a file.';
COMMENT ON INDEX photo_file IS 'The parts of a file, of whatever version.';
COMMENT ON COLUMN event.event_type IS
    'What happened: ingestion, replacement, missing, pages, rejection, restoration, deduplication, failure, quarantine, '
    'run_opened, run_planned, run_finished, cancellation, approval, publication, review, withdrawal, removal, fixity_check.';

-- Views -----------------------------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW audit.photo AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.version_id, p.current, p.missing_since,
       p.state::text AS state, p.reason::text AS reason, p.reason_detail, p.attempts,
       's3://' || split_part(c.source_uri, '/', 3) || '/' || coalesce(p.file_key, p.object_key) AS source_uri,
       coalesce(p.file_sha256, p.content_sha256) AS source_sha256, p.etag AS source_etag, p.size_bytes AS source_bytes,
       p.format AS source_format,
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
                 FROM face f WHERE f.restoration_id = p.restoration_id
               UNION ALL
               SELECT d.model_version_id FROM damage d WHERE d.restoration_id = p.restoration_id)) AS models,
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
       r.tiles_after_key, r.filled_share,
       (SELECT array_agg(d.kind::text ORDER BY d.mended_share DESC, d.kind)
          FROM damage d WHERE d.restoration_id = p.restoration_id) AS damage_kinds,
       r.mask_key,
       coalesce(p.file_key, p.object_key) AS file_key, p.page, (p.scan ->> 'pages')::integer AS pages
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

CREATE OR REPLACE VIEW audit.failure AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.state::text AS state, p.reason::text AS reason, p.reason_detail,
       p.attempts, p.size_bytes AS source_bytes,
       coalesce(p.file_sha256, p.content_sha256) AS source_sha256, p.finished_at,
       last.run_id AS last_run_id, last.worker AS last_worker
  FROM photo p
  JOIN collection c USING (collection_id)
  LEFT JOIN LATERAL (
       SELECT b.run_id, b.worker FROM batch_photo bp JOIN batch b USING (batch_id)
        WHERE bp.photo_id = p.photo_id ORDER BY b.queued_at DESC NULLS LAST LIMIT 1) last ON true
 WHERE p.current AND p.state IN ('rejected', 'quarantined');

CREATE OR REPLACE VIEW audit.lineage AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.version_id, p.current, run.run_id, run.dag_run_id, bp.batch_id,
       bp.state::text AS outcome, bp.reason::text AS reason, bp.reason_detail,
       coalesce(p.file_sha256, p.content_sha256) AS source_sha256,
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

CREATE OR REPLACE VIEW audit.fixity AS
SELECT 'original' AS kind, c.name AS collection, coalesce(p.file_key, p.object_key) AS name, p.photo_id, NULL::integer AS version,
       p.fixity_checked_at AS checked_at, p.fixity AS found,
       coalesce(p.fixity_checked_at, p.finished_at, p.first_seen_at) AS last_read_at
  FROM photo p JOIN collection c USING (collection_id)
 WHERE p.current AND p.missing_since IS NULL AND p.content_sha256 IS NOT NULL AND p.part = 1
UNION ALL
SELECT 'publication', c.name, b.uri, NULL, b.version, b.fixity_checked_at, b.fixity,
       coalesce(b.fixity_checked_at, b.verified_at)
  FROM publication b JOIN collection c USING (collection_id)
 WHERE b.state IN ('current', 'superseded');
COMMENT ON COLUMN audit.photo.object_key IS 'Its name: the key of its file, with #2, #3, ... behind it for further pages.';
COMMENT ON COLUMN audit.photo.source_sha256 IS 'Hash of the scan''s file.';
COMMENT ON COLUMN audit.photo.file_key IS 'Key of its file in the bucket; a file may hold several photographs.';
COMMENT ON COLUMN audit.photo.page IS 'The page of the file that shows it, from 1.';
COMMENT ON COLUMN audit.photo.pages IS 'Photographs in the file, as far as a worker has read it; null where none has.';

-- Who may do what: what a worker learns when it reads a file with several photographs ---------------------------------

GRANT INSERT (collection_id, object_key, version_id, etag, size_bytes, last_modified, current, state, reason, reason_detail,
    finished_at, dublin_core, declared_sha256, file_key, part, page) ON photo TO restoration_worker;
GRANT UPDATE (current, missing_since, file_sha256) ON photo TO restoration_worker;
GRANT INSERT (batch_id, photo_id, position) ON batch_photo TO restoration_worker;
GRANT UPDATE (photo_count) ON batch TO restoration_worker;
