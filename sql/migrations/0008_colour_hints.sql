-- Colours that people know: what they say, on what ground, and which photographs were painted by it.

SET LOCAL search_path = restoration;

-- Vocabulary ------------------------------------------------------------------------------------------------------

CREATE TYPE hint_ground AS ENUM ('memory', 'writing', 'object', 'photograph', 'rule');
COMMENT ON TYPE hint_ground IS
    'From what somebody knows a colour: they remember it; a letter, diary or caption says it; the thing is still there; a colour photograph or painting shows it; it was prescribed (uniforms, school colours).';

-- Hints -----------------------------------------------------------------------------------------------------------

CREATE TABLE colour_hint (
    hint_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    photo_id        bigint NOT NULL REFERENCES photo,
    source_sha256   text CHECK (source_sha256 ~ '^[0-9a-f]{64}$'),
    outline         jsonb NOT NULL CHECK (jsonb_typeof(outline) = 'array' AND jsonb_array_length(outline) BETWEEN 1 AND 64),
    radius          double precision NOT NULL CHECK (radius > 0 AND radius <= 0.05),
    colour          text NOT NULL CHECK (colour ~ '^#[0-9a-f]{6}$'),
    subject         text NOT NULL DEFAULT '',
    ground          hint_ground NOT NULL,
    source          text NOT NULL DEFAULT '',
    said_by         text NOT NULL CHECK (said_by <> ''),
    said_on         text NOT NULL DEFAULT '',
    given_through   text NOT NULL CHECK (given_through IN ('review page', 'terminal', 'hints.csv')),
    added_by        text NOT NULL CHECK (added_by <> ''),
    added_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX colour_hint_photo ON colour_hint (photo_id);
CREATE INDEX colour_hint_content ON colour_hint (collection_id, source_sha256) WHERE source_sha256 IS NOT NULL;
COMMENT ON TABLE colour_hint IS
    'Colours that somebody knows, at a place of a scan. Rows are never changed; a hint that no longer holds gets a row in colour_hint_removal. Holds for the scan it was given for, and for scans of the collection with the same bytes.';
COMMENT ON COLUMN colour_hint.hint_id IS 'Number of the hint.';
COMMENT ON COLUMN colour_hint.collection_id IS 'Collection of the scan.';
COMMENT ON COLUMN colour_hint.photo_id IS 'The scan it was given for.';
COMMENT ON COLUMN colour_hint.source_sha256 IS 'Hash of that scan''s bytes; null where nobody had read them yet.';
COMMENT ON COLUMN colour_hint.outline IS
    'Where: [[x, y]] for a point, or the corners of an area; shares of the upright scan''s width and height from the left and from the top.';
COMMENT ON COLUMN colour_hint.radius IS 'How far a point reaches, as a share of the longer side.';
COMMENT ON COLUMN colour_hint.colour IS 'The colour as sRGB, #rrggbb. Its lightness does not count: the scan''s own is kept.';
COMMENT ON COLUMN colour_hint.subject IS 'What has that colour, for instance "the dress"; may be empty.';
COMMENT ON COLUMN colour_hint.ground IS 'From what it is known.';
COMMENT ON COLUMN colour_hint.source IS 'The same in words, for instance "her letter of May 1931"; may be empty.';
COMMENT ON COLUMN colour_hint.said_by IS 'Who says so. Published only where the settings allow names.';
COMMENT ON COLUMN colour_hint.said_on IS 'When they said so, as they put it; may be empty.';
COMMENT ON COLUMN colour_hint.given_through IS 'How it came here: review page, terminal or hints.csv.';
COMMENT ON COLUMN colour_hint.added_by IS 'Who put it on record.';
COMMENT ON COLUMN colour_hint.added_at IS 'When.';
COMMENT ON INDEX colour_hint_photo IS 'The hints of a photograph.';
COMMENT ON INDEX colour_hint_content IS 'The hints of its twins.';

CREATE TABLE colour_hint_removal (
    hint_id         bigint PRIMARY KEY REFERENCES colour_hint,
    reason          text NOT NULL DEFAULT '',
    removed_by      text NOT NULL CHECK (removed_by <> ''),
    removed_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE colour_hint_removal IS 'Hints that no longer hold. The hint''s own row stays.';
COMMENT ON COLUMN colour_hint_removal.hint_id IS 'The hint.';
COMMENT ON COLUMN colour_hint_removal.reason IS 'Why, in words; may be empty.';
COMMENT ON COLUMN colour_hint_removal.removed_by IS 'Who took it back.';
COMMENT ON COLUMN colour_hint_removal.removed_at IS 'When.';

ALTER TABLE photo ADD COLUMN hint_ids bigint[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN photo.hint_ids IS
    'Hints that held when it was last restored, by number; a photograph whose hints have changed since is due again.';

ALTER TABLE restoration
    DROP CONSTRAINT restoration_variant_check,
    ADD CONSTRAINT restoration_variant_check CHECK (variant IN ('', 'faces_off', 'hinted', 'faces_off_hinted'));
COMMENT ON COLUMN restoration.variant IS
    'Empty: the recipe of the run as it stands. faces_off: with its face restorers taken out, because a person decided so. hinted: with colours that people gave. faces_off_hinted: both.';

CREATE FUNCTION hints_in_force(p photo) RETURNS bigint[]
    LANGUAGE sql STABLE SECURITY DEFINER COST 1000
    SET search_path = restoration, pg_temp
    RETURN (SELECT coalesce(array_agg(h.hint_id ORDER BY h.hint_id), '{}')
              FROM colour_hint h
             WHERE (h.photo_id = p.photo_id
                    OR (h.collection_id = p.collection_id AND h.source_sha256 = p.content_sha256))
               AND NOT EXISTS (SELECT FROM colour_hint_removal e WHERE e.hint_id = h.hint_id));
COMMENT ON FUNCTION hints_in_force(photo) IS
    'Numbers of the hints that hold for a photograph: those given for this very scan, or for one of the collection with the same bytes.';

-- Views -----------------------------------------------------------------------------------------------------------

CREATE VIEW audit.colour_hint AS
SELECT h.hint_id, c.name AS collection, p.photo_id, p.object_key, h.outline, h.radius, h.colour, h.subject,
       h.ground::text AS ground, h.source, h.said_by, h.said_on, h.given_through, h.added_by, h.added_at,
       e.removed_at, e.removed_by, e.reason AS removal_reason, p.current AS scan_is_current,
       (SELECT count(*) FROM photo q JOIN restoration r USING (restoration_id)
         WHERE q.collection_id = h.collection_id AND q.current AND h.hint_id = ANY (q.hint_ids)
           AND r.variant IN ('hinted', 'faces_off_hinted')
           AND EXISTS (SELECT FROM step_record s WHERE s.restoration_id = r.restoration_id AND s.step = 'colorize'
                          AND s.status = 'applied')) AS photos_painted_by_it
  FROM colour_hint h
  JOIN photo p USING (photo_id)
  JOIN collection c ON c.collection_id = h.collection_id
  LEFT JOIN colour_hint_removal e USING (hint_id);
COMMENT ON VIEW audit.colour_hint IS 'One row a colour that somebody gave: where, on what ground, and whether it holds.';
COMMENT ON COLUMN audit.colour_hint.hint_id IS 'Number of the hint.';
COMMENT ON COLUMN audit.colour_hint.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.colour_hint.photo_id IS 'The scan it was given for.';
COMMENT ON COLUMN audit.colour_hint.object_key IS 'Its key.';
COMMENT ON COLUMN audit.colour_hint.outline IS 'Where: a point, or the corners of an area, as shares of width and height.';
COMMENT ON COLUMN audit.colour_hint.radius IS 'How far a point reaches, as a share of the longer side.';
COMMENT ON COLUMN audit.colour_hint.colour IS 'The colour, #rrggbb.';
COMMENT ON COLUMN audit.colour_hint.subject IS 'What has that colour.';
COMMENT ON COLUMN audit.colour_hint.ground IS 'memory, writing, object, photograph or rule.';
COMMENT ON COLUMN audit.colour_hint.source IS 'The ground in words.';
COMMENT ON COLUMN audit.colour_hint.said_by IS 'Who says so.';
COMMENT ON COLUMN audit.colour_hint.said_on IS 'When they said so.';
COMMENT ON COLUMN audit.colour_hint.given_through IS 'review page, terminal or hints.csv.';
COMMENT ON COLUMN audit.colour_hint.added_by IS 'Who put it on record.';
COMMENT ON COLUMN audit.colour_hint.added_at IS 'When.';
COMMENT ON COLUMN audit.colour_hint.removed_at IS 'When it was taken back; null while it holds.';
COMMENT ON COLUMN audit.colour_hint.removed_by IS 'Who took it back.';
COMMENT ON COLUMN audit.colour_hint.removal_reason IS 'Why.';
COMMENT ON COLUMN audit.colour_hint.scan_is_current IS 'False where the scan was replaced since: then the hint has to be given anew.';
COMMENT ON COLUMN audit.colour_hint.photos_painted_by_it IS 'Photographs that show it.';
COMMENT ON COLUMN audit.photo.variant IS
    'faces_off: the recipe''s face restorers were taken out because a person decided so. hinted: painted by colours that people gave. faces_off_hinted: both. Empty otherwise.';
COMMENT ON COLUMN audit.lineage.variant IS 'Empty, faces_off, hinted or faces_off_hinted.';

-- Who may do what -------------------------------------------------------------------------------------------------

GRANT SELECT ON audit.colour_hint TO restoration_auditor, restoration_ingest, restoration_worker, restoration_publisher;
GRANT SELECT ON colour_hint, colour_hint_removal TO restoration_ingest, restoration_publisher, restoration_worker;
GRANT INSERT ON colour_hint, colour_hint_removal TO restoration_ingest, restoration_publisher;
GRANT UPDATE (hint_ids) ON photo TO restoration_worker;
