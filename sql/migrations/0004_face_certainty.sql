-- What a face had to reach: how sure the identity model was of it before, its threshold, and every share that was tried.

SET LOCAL search_path = restoration;

ALTER TABLE face ADD COLUMN certainty real CHECK (certainty BETWEEN 0 AND 1);
ALTER TABLE face ADD COLUMN identity_threshold real CHECK (identity_threshold BETWEEN 0 AND 1);
ALTER TABLE face ADD COLUMN identity_tried jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN face.certainty IS
    'How sure the identity model was of the face in the scan, 0 to 1; null where it was not asked.';
COMMENT ON COLUMN face.identity_threshold IS
    'Lowest identity that a face of that certainty may have after restoring; null where no restorer saw it.';
COMMENT ON COLUMN face.identity_tried IS
    'Identities of the shares of the restored face that were tried: whole, three quarters, half, a quarter.';

CREATE VIEW audit.face AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.state::text AS state, f.ordinal AS face,
       f.x, f.y, f.width, f.height, f.confidence, f.action::text AS action, f.reason::text AS reason,
       f.certainty, f.identity, f.identity_threshold, f.identity_tried, f.blend,
       d.name AS detector, m.name AS restorer, m.version AS restorer_version, m.weights_sha256 AS restorer_sha256,
       i.name AS identity_model, i.version AS identity_model_version, i.weights_sha256 AS identity_model_sha256,
       r.restoration_id, r.recipe, r.recipe_sha256
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN restoration r ON r.restoration_id = p.restoration_id
  JOIN face f ON f.restoration_id = r.restoration_id
  JOIN model_version d ON d.model_version_id = f.detector_id
  LEFT JOIN model_version m ON m.model_version_id = f.restorer_id
  LEFT JOIN model_version i ON i.model_version_id = f.identity_model_id
 WHERE p.current;
COMMENT ON VIEW audit.face IS 'One row a face of a photograph as it stands: what was done to it, by what, and how near it came.';
COMMENT ON COLUMN audit.face.photo_id IS 'The photograph.';
COMMENT ON COLUMN audit.face.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.face.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.face.state IS 'State of the photograph.';
COMMENT ON COLUMN audit.face.face IS 'Number of the face in the photograph.';
COMMENT ON COLUMN audit.face.x IS 'Left edge of the box, pixels from the left.';
COMMENT ON COLUMN audit.face.y IS 'Upper edge of the box, pixels from the top.';
COMMENT ON COLUMN audit.face.width IS 'Width of the box in pixels.';
COMMENT ON COLUMN audit.face.height IS 'Height of the box in pixels.';
COMMENT ON COLUMN audit.face.confidence IS 'The detector''s confidence, 0 to 1.';
COMMENT ON COLUMN audit.face.action IS 'restored, blended, left_alone or recorded.';
COMMENT ON COLUMN audit.face.reason IS 'Why it was left alone or only recorded.';
COMMENT ON COLUMN audit.face.certainty IS 'How sure the identity model was of the face in the scan, 0 to 1.';
COMMENT ON COLUMN audit.face.identity IS 'Cosine between descriptors before and after; null where it keeps the scan''s pixels.';
COMMENT ON COLUMN audit.face.identity_threshold IS 'What the cosine had to reach.';
COMMENT ON COLUMN audit.face.identity_tried IS 'Cosines of the shares that were tried, the whole restored face first.';
COMMENT ON COLUMN audit.face.blend IS 'Share of the restored face in the result, 0 to 1.';
COMMENT ON COLUMN audit.face.detector IS 'Model that found it.';
COMMENT ON COLUMN audit.face.restorer IS 'Model that restored it, whatever came of that; null where none did.';
COMMENT ON COLUMN audit.face.restorer_version IS 'Its version.';
COMMENT ON COLUMN audit.face.restorer_sha256 IS 'Hash of its weights.';
COMMENT ON COLUMN audit.face.identity_model IS 'Model that compared before and after.';
COMMENT ON COLUMN audit.face.identity_model_version IS 'Its version.';
COMMENT ON COLUMN audit.face.identity_model_sha256 IS 'Hash of its weights.';
COMMENT ON COLUMN audit.face.restoration_id IS 'The restoration.';
COMMENT ON COLUMN audit.face.recipe IS 'Recipe by name.';
COMMENT ON COLUMN audit.face.recipe_sha256 IS 'Hash of its canonical form.';

GRANT SELECT ON audit.face TO restoration_auditor, restoration_ingest, restoration_worker, restoration_publisher;
