-- What was found damaged, how it was mended, and which pixels of a restored photograph were invented.

SET LOCAL search_path = restoration;

-- Vocabulary ------------------------------------------------------------------------------------------------------

ALTER TYPE reason_code ADD VALUE 'face_part_missing';
ALTER TYPE reason_code ADD VALUE 'many_alike';

CREATE TYPE damage_kind AS ENUM ('scratch', 'crease', 'hole', 'dust', 'stain', 'writing');
COMMENT ON TYPE damage_kind IS
    'What is wrong with a place of a scan. A stain''s tone is corrected and nothing is filled; writing is reported and never mended.';

CREATE TYPE mending AS ENUM ('none', 'surroundings', 'net', 'tone');
COMMENT ON TYPE mending IS
    'How damage was mended: not at all, from the pixels round it, by an inpainting net, or by bringing its tone to that of its surroundings.';

-- Restorations: the mask ------------------------------------------------------------------------------------------

ALTER TABLE restoration
    ADD COLUMN mask_key text,
    ADD COLUMN filled_share real CHECK (filled_share BETWEEN 0 AND 1),
    ADD CONSTRAINT restoration_filled_has_mask CHECK (mask_key IS NOT NULL OR coalesce(filled_share, 0) = 0);
COMMENT ON COLUMN restoration.mask_key IS
    'Key of the mask, a PNG of the output''s size that says where pixels were mended and of what kind the damage was; null where none were.';
COMMENT ON COLUMN restoration.filled_share IS
    'Share of the picture that was invented to fill damage, 0 to 1; null where it was restored before that was recorded.';

CREATE TABLE damage (
    restoration_id  bigint NOT NULL REFERENCES restoration,
    kind            damage_kind NOT NULL,
    found_share     real NOT NULL CHECK (found_share BETWEEN 0 AND 1),
    mended_share    real NOT NULL CHECK (mended_share BETWEEN 0 AND 1),
    regions         integer NOT NULL CHECK (regions >= 0),
    mending         mending NOT NULL,
    model_version_id bigint REFERENCES model_version,
    x               integer CHECK (x >= 0),
    y               integer CHECK (y >= 0),
    width           integer CHECK (width > 0),
    height          integer CHECK (height > 0),
    PRIMARY KEY (restoration_id, kind),
    CONSTRAINT damage_box_is_whole CHECK (num_nulls(x, y, width, height) IN (0, 4))
);
COMMENT ON TABLE damage IS 'Each kind of damage found in one restoration, how much of it there was, and how it was mended.';
COMMENT ON COLUMN damage.restoration_id IS 'The restoration.';
COMMENT ON COLUMN damage.kind IS 'What kind of damage.';
COMMENT ON COLUMN damage.found_share IS 'Share of the picture where it was found, 0 to 1.';
COMMENT ON COLUMN damage.mended_share IS 'Share of the picture where it was mended, 0 to 1.';
COMMENT ON COLUMN damage.regions IS 'Connected places of it.';
COMMENT ON COLUMN damage.mending IS 'How most of it was mended.';
COMMENT ON COLUMN damage.model_version_id IS 'Net that mended it; null where none did.';
COMMENT ON COLUMN damage.x IS 'Left edge of the box round all that was mended, pixels of the output from the left; null where nothing was.';
COMMENT ON COLUMN damage.y IS 'Upper edge of that box, pixels from the top.';
COMMENT ON COLUMN damage.width IS 'Width of that box in pixels.';
COMMENT ON COLUMN damage.height IS 'Height of that box in pixels.';

-- Views -----------------------------------------------------------------------------------------------------------

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
       r.mask_key
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
COMMENT ON COLUMN audit.photo.filled_share IS
    'Share of the picture that was invented to fill damage, 0 to 1; null where it was restored before that was recorded.';
COMMENT ON COLUMN audit.photo.damage_kinds IS
    'Kinds of damage that were found (type damage_kind), the one that was mended most first; null where none was. More in audit.damage.';
COMMENT ON COLUMN audit.photo.mask_key IS 'Key of the mask that says where the picture was mended; null where nowhere.';

CREATE OR REPLACE VIEW audit.model_use AS
SELECT c.name AS collection, m.name AS model, m.version, m.architecture, m.weights_sha256, m.licence, m.source,
       m.training_data, m.retired_at, n.role, n.photos, n.uses, n.first_used_at, n.last_used_at
  FROM collection c
 CROSS JOIN LATERAL (
       SELECT u.model_version_id, u.role, count(DISTINCT p.photo_id) AS photos, count(*) AS uses,
              min(r.created_at) AS first_used_at, max(r.created_at) AS last_used_at
         FROM photo p
         JOIN restoration r USING (restoration_id)
         JOIN (SELECT restoration_id, model_version_id, step AS role FROM step_record WHERE model_version_id IS NOT NULL
               UNION ALL SELECT restoration_id, detector_id, 'detect face' FROM face
               UNION ALL SELECT restoration_id, restorer_id, 'restore face' FROM face WHERE restorer_id IS NOT NULL
               UNION ALL SELECT restoration_id, identity_model_id, 'compare face' FROM face
                          WHERE identity_model_id IS NOT NULL
               UNION ALL SELECT restoration_id, model_version_id, 'fill ' || kind::text FROM damage
                          WHERE model_version_id IS NOT NULL) u USING (restoration_id)
        WHERE p.collection_id = c.collection_id AND p.current
        GROUP BY u.model_version_id, u.role) n
  JOIN model_version m USING (model_version_id);
COMMENT ON COLUMN audit.model_use.role IS
    'What it did: a step''s name; detect, restore or compare face; or fill and the kind of damage.';
COMMENT ON COLUMN audit.model_use.uses IS 'Steps, faces or kinds of damage it worked on.';

CREATE VIEW audit.damage AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.state::text AS state, d.kind::text AS kind, d.found_share,
       d.mended_share, d.regions, d.mending::text AS mending, d.x, d.y, d.width, d.height,
       m.name AS model, m.version AS model_version, m.weights_sha256 AS model_sha256,
       r.filled_share, r.mask_key, r.restoration_id, r.recipe, r.recipe_sha256
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN restoration r ON r.restoration_id = p.restoration_id
  JOIN damage d ON d.restoration_id = r.restoration_id
  LEFT JOIN model_version m ON m.model_version_id = d.model_version_id
 WHERE p.current;
COMMENT ON VIEW audit.damage IS 'One row a kind of damage of a photograph as it stands: how much of it was found, and how it was mended.';
COMMENT ON COLUMN audit.damage.photo_id IS 'The photograph.';
COMMENT ON COLUMN audit.damage.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.damage.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.damage.state IS 'State of the photograph.';
COMMENT ON COLUMN audit.damage.kind IS 'scratch, crease, hole, dust, stain or writing.';
COMMENT ON COLUMN audit.damage.found_share IS 'Share of the picture where it was found, 0 to 1.';
COMMENT ON COLUMN audit.damage.mended_share IS 'Share of the picture where it was mended, 0 to 1.';
COMMENT ON COLUMN audit.damage.regions IS 'Connected places of it.';
COMMENT ON COLUMN audit.damage.mending IS 'none, surroundings, net or tone: how most of it was mended.';
COMMENT ON COLUMN audit.damage.x IS 'Left edge of the box round all that was mended, pixels of the output from the left; null where nothing was.';
COMMENT ON COLUMN audit.damage.y IS 'Upper edge of that box, pixels from the top.';
COMMENT ON COLUMN audit.damage.width IS 'Width of that box in pixels.';
COMMENT ON COLUMN audit.damage.height IS 'Height of that box in pixels.';
COMMENT ON COLUMN audit.damage.model IS 'Net that mended it; null where none did.';
COMMENT ON COLUMN audit.damage.model_version IS 'Its version.';
COMMENT ON COLUMN audit.damage.model_sha256 IS 'Hash of its weights.';
COMMENT ON COLUMN audit.damage.filled_share IS 'Share of the whole picture that was invented, of all kinds together.';
COMMENT ON COLUMN audit.damage.mask_key IS 'Key of the mask that says where.';
COMMENT ON COLUMN audit.damage.restoration_id IS 'The restoration.';
COMMENT ON COLUMN audit.damage.recipe IS 'Recipe by name.';
COMMENT ON COLUMN audit.damage.recipe_sha256 IS 'Hash of its canonical form.';

-- Who may do what -------------------------------------------------------------------------------------------------

GRANT SELECT ON audit.damage TO restoration_auditor, restoration_ingest, restoration_worker, restoration_publisher;
GRANT SELECT ON damage TO restoration_ingest, restoration_publisher, restoration_worker;
GRANT INSERT ON damage TO restoration_worker;
