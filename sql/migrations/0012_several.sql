-- Scans that show several photographs, as triage found them.

SET LOCAL search_path = restoration;

CREATE VIEW audit.several AS
SELECT c.name AS collection, p.photo_id, p.object_key, p.restoration_id, s.detail ->> 'arrangement' AS arrangement,
       jsonb_array_length(s.detail -> 'photographs') AS photographs, part.place,
       (part.facts -> 'centre' ->> 0)::double precision AS x, (part.facts -> 'centre' ->> 1)::double precision AS y,
       (part.facts -> 'size' ->> 0)::double precision AS width, (part.facts -> 'size' ->> 1)::double precision AS height,
       (part.facts ->> 'angle')::double precision AS angle,
       (part.facts ->> 'confidence')::double precision AS confidence
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN step_record s ON s.restoration_id = p.restoration_id AND s.step = 'triage' AND s.detail ? 'photographs'
 CROSS JOIN LATERAL jsonb_array_elements(s.detail -> 'photographs') WITH ORDINALITY AS part (facts, place)
 WHERE p.current;
COMMENT ON VIEW audit.several IS 'One row a photograph that triage saw on a scan that shows several; the scan itself was restored as a whole.';
COMMENT ON COLUMN audit.several.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.several.photo_id IS 'The scan.';
COMMENT ON COLUMN audit.several.object_key IS 'Its key.';
COMMENT ON COLUMN audit.several.restoration_id IS 'The restoration whose triage said so.';
COMMENT ON COLUMN audit.several.arrangement IS 'prints_on_bed, album_page or stereo_card.';
COMMENT ON COLUMN audit.several.photographs IS 'How many there are on the scan.';
COMMENT ON COLUMN audit.several.place IS 'Which of them this is, row by row from the top left, from 1.';
COMMENT ON COLUMN audit.several.x IS 'Its centre, as a share of the scan''s width.';
COMMENT ON COLUMN audit.several.y IS 'Its centre, as a share of the scan''s height.';
COMMENT ON COLUMN audit.several.width IS 'Its width, as a share of the scan''s long side.';
COMMENT ON COLUMN audit.several.height IS 'Its height, as a share of the scan''s long side.';
COMMENT ON COLUMN audit.several.angle IS 'Its turn, in degrees clockwise.';
COMMENT ON COLUMN audit.several.confidence IS 'Share of its outline that was seen; of a stereo card''s halves, how alike they are.';
GRANT SELECT ON audit.several TO restoration_auditor, restoration_ingest, restoration_worker, restoration_publisher;
