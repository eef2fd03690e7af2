-- A scan that shows several photographs is divided: each becomes a photograph of its own, cut out of its page. Until
-- somebody divides one nothing is another than before, and the release before goes on working on this schema. It knows
-- nothing of boxes: should it get such a photograph, photo_box_is_content refuses what it would write.

SET LOCAL search_path = restoration;

ALTER TYPE reason_code ADD VALUE 'divided';

-- Decisions -------------------------------------------------------------------------------------------------------

CREATE TABLE division (
    division_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    source_sha256   text NOT NULL CHECK (source_sha256 ~ '^[0-9a-f]{64}$'),
    arrangement     text NOT NULL DEFAULT '' CHECK (arrangement IN ('', 'prints_on_bed', 'album_page', 'stereo_card')),
    boxes           text[] NOT NULL CHECK (cardinality(boxes) BETWEEN 1 AND 99),
    given_through   text NOT NULL CHECK (given_through IN ('triage', 'boxes', 'recipe')),
    run_id          uuid REFERENCES run,
    decided_by      text NOT NULL CHECK (decided_by <> ''),
    decided_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX division_content ON division (collection_id, source_sha256);
COMMENT ON TABLE division IS
    'Decisions that a scan is divided into the photographs it shows. Rows are never changed; one that no longer holds gets a row in division_removal. Holds for every scan of the collection with that content; one at most is in force for a content.';
COMMENT ON COLUMN division.division_id IS 'Number of the decision.';
COMMENT ON COLUMN division.collection_id IS 'Collection of the scan.';
COMMENT ON COLUMN division.source_sha256 IS 'Identity of the scan''s content, as in photo.content_sha256.';
COMMENT ON COLUMN division.arrangement IS 'prints_on_bed, album_page or stereo_card; empty if nobody said.';
COMMENT ON COLUMN division.boxes IS
    'Where its photographs are, in their order. Each as five numbers: centre across and down (shares of width and height), width and height (shares of the long side), turn in degrees clockwise.';
COMMENT ON COLUMN division.given_through IS
    'triage: a person took what triage had found. boxes: a person gave the boxes. recipe: the recipe of a run says that sure findings are divided.';
COMMENT ON COLUMN division.run_id IS 'The run that divided it; null if a person did.';
COMMENT ON COLUMN division.decided_by IS 'The person, or the recipe.';
COMMENT ON COLUMN division.decided_at IS 'When.';
COMMENT ON INDEX division_content IS 'The decisions about a content.';

CREATE TABLE division_removal (
    division_id     bigint PRIMARY KEY REFERENCES division,
    reason          text NOT NULL DEFAULT '',
    removed_by      text NOT NULL CHECK (removed_by <> ''),
    removed_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE division_removal IS 'Divisions that no longer hold. The division''s own row stays.';
COMMENT ON COLUMN division_removal.division_id IS 'The division.';
COMMENT ON COLUMN division_removal.reason IS 'Why, in words; may be empty.';
COMMENT ON COLUMN division_removal.removed_by IS 'Who took it back.';
COMMENT ON COLUMN division_removal.removed_at IS 'When.';

CREATE FUNCTION part_content(file_sha256 text, page integer, box text) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN encode(pg_catalog.sha256(convert_to(
        CASE WHEN page = 1 THEN file_sha256
             ELSE encode(pg_catalog.sha256(convert_to(file_sha256 || E'\npage ' || page || E'\n', 'UTF8')), 'hex') END
        || E'\nbox ' || box || E'\n', 'UTF8')), 'hex');
COMMENT ON FUNCTION part_content(text, integer, text) IS
    'Identity of the content of a photograph that was cut out of a scan: a hash over the file''s hash, the page and the box.';

ALTER TABLE photo
    ADD COLUMN division_id bigint REFERENCES division,
    ADD COLUMN box text,
    ADD CONSTRAINT photo_box_is_part CHECK ((box IS NULL) = (part < 1000000)),
    ADD CONSTRAINT photo_box_is_content
        CHECK (box IS NULL OR (division_id IS NOT NULL AND content_sha256 = part_content(file_sha256, page, box)));
CREATE INDEX photo_division ON photo (division_id) WHERE division_id IS NOT NULL;
COMMENT ON COLUMN photo.object_key IS
    'Name of the photograph: the key of its file, with #2, #3, ... behind it for further pages, and #2.1, #2.2, ... for photographs that were cut out of a page.';
COMMENT ON COLUMN photo.content_sha256 IS
    'Identity of the photograph''s content, known once a worker has read it: the hash of the scan''s bytes; of a further page, a hash over that and the page; of a photograph cut out of a page, a hash over that page''s and the box.';
COMMENT ON COLUMN photo.part IS
    'Which of its file''s photographs it is. The first comes with the listing, the others once a worker has read the file. Of those that were cut out of a page: 1000000, 1000 for each page, and the number on the page.';
COMMENT ON COLUMN photo.division_id IS
    'Of a scan that is divided, and of the photographs that were cut out of one: the decision. Null of all others.';
COMMENT ON COLUMN photo.box IS
    'Where on its page it was cut out, as in division.boxes; null if it is the whole page.';
COMMENT ON INDEX photo_division IS 'The photographs of a division.';
COMMENT ON COLUMN event.event_type IS
    'What happened: ingestion, replacement, missing, pages, rejection, restoration, deduplication, failure, quarantine, '
    'run_opened, run_planned, run_finished, cancellation, approval, publication, review, withdrawal, removal, fixity_check, '
    'colour_hint, colour_hint_removal, division, division_removal.';

CREATE FUNCTION division_in_force(of_collection bigint, of_content text) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER COST 1000
    SET search_path = restoration, pg_temp
    RETURN (SELECT max(d.division_id) FROM division d
             WHERE d.collection_id = of_collection AND d.source_sha256 = of_content
               AND NOT EXISTS (SELECT FROM division_removal e WHERE e.division_id = d.division_id));
COMMENT ON FUNCTION division_in_force(bigint, text) IS
    'Number of the division that holds for a content in a collection; null if it is not divided.';

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
       coalesce(p.file_key, p.object_key) AS file_key, p.page, (p.scan ->> 'pages')::integer AS pages,
       p.box, p.division_id
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
COMMENT ON COLUMN audit.photo.box IS
    'Where on its page it was cut out: centre across and down (shares of width and height), width and height (shares of the long side), turn in degrees clockwise; null if it is the whole page.';
COMMENT ON COLUMN audit.photo.division_id IS 'The decision by which the scan was divided, of the scan and of what was cut out of it.';

CREATE OR REPLACE VIEW audit.collection AS
SELECT c.name AS collection, c.title, c.source_uri, c.recipe, c.consent::text AS consent,
       c.sensitivity::text AS sensitivity, c.rights, c.contact, c.active, c.nightly, c.listed_at,
       n.photos, n.pending, n.in_progress, n.restored, n.needs_review, n.rejected, n.quarantined, n.skipped, n.duplicates,
       n.source_bytes, last_run.run_id AS last_run_id, last_run.state::text AS last_run_state,
       last_run.started_at AS last_run_at, shown.version AS published_version, shown.uri AS published_uri,
       shown.current_at AS published_at, coalesce(h.seq, 0) AS events, h.sha256 AS chain_head,
       n.divided
  FROM collection c
  LEFT JOIN event_head h USING (collection_id)
  LEFT JOIN LATERAL (
       SELECT count(*) AS photos,
              count(*) FILTER (WHERE p.state = 'pending') AS pending,
              count(*) FILTER (WHERE p.state IN ('queued', 'restoring')) AS in_progress,
              count(*) FILTER (WHERE p.state = 'restored') AS restored,
              count(*) FILTER (WHERE p.state = 'needs_review') AS needs_review,
              count(*) FILTER (WHERE p.state = 'rejected') AS rejected,
              count(*) FILTER (WHERE p.state = 'quarantined') AS quarantined,
              count(*) FILTER (WHERE p.state = 'skipped') AS skipped,
              count(*) FILTER (WHERE p.state = 'skipped' AND p.reason::text = 'divided') AS divided,
              count(p.duplicate_of) AS duplicates,
              coalesce(sum(p.size_bytes), 0)::bigint AS source_bytes
         FROM photo p WHERE p.collection_id = c.collection_id AND p.current) n ON true
  LEFT JOIN LATERAL (
       SELECT r.run_id, r.state, r.started_at FROM run r
        WHERE r.collection_id = c.collection_id ORDER BY r.started_at DESC LIMIT 1) last_run ON true
  LEFT JOIN publication shown ON shown.collection_id = c.collection_id AND shown.state = 'current';
COMMENT ON COLUMN audit.collection.divided IS 'Of those left out: scans that were divided into the photographs they show, which are counted one by one.';

CREATE OR REPLACE VIEW audit.several AS
SELECT c.name AS collection, p.photo_id, p.object_key, p.restoration_id, s.detail ->> 'arrangement' AS arrangement,
       jsonb_array_length(s.detail -> 'photographs') AS photographs, part.place,
       (part.facts -> 'centre' ->> 0)::double precision AS x, (part.facts -> 'centre' ->> 1)::double precision AS y,
       (part.facts -> 'size' ->> 0)::double precision AS width, (part.facts -> 'size' ->> 1)::double precision AS height,
       (part.facts ->> 'angle')::double precision AS angle,
       (part.facts ->> 'confidence')::double precision AS confidence,
       false AS divided, NULL::text AS part_key
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN step_record s ON s.restoration_id = p.restoration_id AND s.step = 'triage' AND s.detail ? 'photographs'
 CROSS JOIN LATERAL jsonb_array_elements(s.detail -> 'photographs') WITH ORDINALITY AS part (facts, place)
 WHERE p.current
UNION ALL
SELECT c.name, p.photo_id, p.object_key, NULL, d.arrangement, cardinality(d.boxes), part.place,
       split_part(part.box, ' ', 1)::double precision, split_part(part.box, ' ', 2)::double precision,
       split_part(part.box, ' ', 3)::double precision, split_part(part.box, ' ', 4)::double precision,
       split_part(part.box, ' ', 5)::double precision, NULL, true,
       (SELECT q.object_key FROM photo q
         WHERE q.collection_id = p.collection_id AND q.file_key = coalesce(p.file_key, p.object_key) AND q.current
           AND q.page = p.page AND q.box = part.box AND (q.version_id, q.etag) = (p.version_id, p.etag))
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN division d USING (division_id)
 CROSS JOIN LATERAL unnest(d.boxes) WITH ORDINALITY AS part (box, place)
 WHERE p.current AND p.box IS NULL AND p.state = 'skipped' AND p.reason::text = 'divided';
COMMENT ON VIEW audit.several IS 'One row a photograph on a scan that shows several: as triage saw it on a scan that was restored as a whole, or as the scan was divided.';
COMMENT ON COLUMN audit.several.restoration_id IS 'The restoration whose triage said so; null if the scan is divided.';
COMMENT ON COLUMN audit.several.confidence IS 'Share of its outline that was seen; of a stereo card''s halves, how alike they are; null if the scan is divided.';
COMMENT ON COLUMN audit.several.divided IS 'Whether the scan is divided, so that each is a photograph of its own.';
COMMENT ON COLUMN audit.several.part_key IS 'Then its name.';

CREATE VIEW audit.division AS
SELECT d.division_id, c.name AS collection, d.source_sha256,
       (SELECT array_agg(p.object_key ORDER BY p.object_key) FROM photo p
         WHERE p.content_sha256 = d.source_sha256 AND p.collection_id = d.collection_id AND p.current) AS scans,
       d.arrangement, cardinality(d.boxes) AS photographs, part.place,
       split_part(part.box, ' ', 1)::double precision AS x, split_part(part.box, ' ', 2)::double precision AS y,
       split_part(part.box, ' ', 3)::double precision AS width, split_part(part.box, ' ', 4)::double precision AS height,
       split_part(part.box, ' ', 5)::double precision AS angle,
       d.given_through, d.run_id, d.decided_by, d.decided_at, e.removed_at, e.removed_by, e.reason AS removal_reason
  FROM division d
  JOIN collection c USING (collection_id)
  LEFT JOIN division_removal e USING (division_id)
 CROSS JOIN LATERAL unnest(d.boxes) WITH ORDINALITY AS part (box, place);
COMMENT ON VIEW audit.division IS 'One row a photograph of a scan that was divided: where it is, who decided it, and whether that holds.';
COMMENT ON COLUMN audit.division.division_id IS 'Number of the decision.';
COMMENT ON COLUMN audit.division.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.division.source_sha256 IS 'Identity of the scan''s content.';
COMMENT ON COLUMN audit.division.scans IS 'Keys of the collection''s scans with that content now; null if there are none.';
COMMENT ON COLUMN audit.division.arrangement IS 'prints_on_bed, album_page or stereo_card; empty if nobody said.';
COMMENT ON COLUMN audit.division.photographs IS 'Into how many it is divided.';
COMMENT ON COLUMN audit.division.place IS 'Which of them this is, in the order in which they were given.';
COMMENT ON COLUMN audit.division.x IS 'Its centre, as a share of the scan''s width.';
COMMENT ON COLUMN audit.division.y IS 'Its centre, as a share of the scan''s height.';
COMMENT ON COLUMN audit.division.width IS 'Its width, as a share of the scan''s long side.';
COMMENT ON COLUMN audit.division.height IS 'Its height, as a share of the scan''s long side.';
COMMENT ON COLUMN audit.division.angle IS 'Its turn, in degrees clockwise.';
COMMENT ON COLUMN audit.division.given_through IS 'triage, boxes or recipe.';
COMMENT ON COLUMN audit.division.run_id IS 'The run that divided it; null if a person did.';
COMMENT ON COLUMN audit.division.decided_by IS 'The person, or the recipe.';
COMMENT ON COLUMN audit.division.decided_at IS 'When.';
COMMENT ON COLUMN audit.division.removed_at IS 'When it was taken back; null while it holds.';
COMMENT ON COLUMN audit.division.removed_by IS 'Who took it back.';
COMMENT ON COLUMN audit.division.removal_reason IS 'Why.';
GRANT SELECT ON audit.division TO restoration_auditor, restoration_ingest, restoration_worker, restoration_publisher;

-- Who may do what -------------------------------------------------------------------------------------------------

GRANT SELECT ON division, division_removal TO restoration_ingest, restoration_publisher;
-- who divides a scan into the photographs it shows: a person with the ingest's login, or a run
GRANT SELECT ON division, division_removal TO restoration_worker;
GRANT INSERT ON division TO restoration_ingest, restoration_worker;
GRANT INSERT ON division_removal TO restoration_ingest;
GRANT INSERT ON withdrawal TO restoration_ingest;
GRANT INSERT (content_sha256, file_sha256, division_id, box), UPDATE (division_id) ON photo TO restoration_worker;
