-- A recipe may ask for a copy of the restored photograph for everyday use. The release before knows nothing of it and
-- works on: all of its columns may be null.

SET LOCAL search_path = restoration;

ALTER TABLE restoration
    ADD COLUMN access_key text,
    ADD COLUMN access_sha256 text CHECK (access_sha256 ~ '^[0-9a-f]{64}$'),
    ADD COLUMN access_bytes bigint CHECK (access_bytes > 0),
    ADD COLUMN access_format text,
    ADD CONSTRAINT restoration_access_is_whole
        CHECK (num_nulls(access_key, access_sha256, access_bytes, access_format) IN (0, 4));
COMMENT ON COLUMN restoration.access_key IS
    'Key of the copy for everyday use (JPEG or WebP) in the bucket for restored photographs; null where the recipe asks for none.';
COMMENT ON COLUMN restoration.access_sha256 IS 'Hash of that copy.';
COMMENT ON COLUMN restoration.access_bytes IS 'Its size in bytes.';
COMMENT ON COLUMN restoration.access_format IS 'Its format by the ending of its name: jpg or webp.';
COMMENT ON COLUMN restoration.output_format IS 'Format of the restored file by the ending of its name: png or tif.';
COMMENT ON COLUMN audit.photo.output_format IS 'Format of the restored file: png or tif.';

CREATE VIEW audit.access_copy AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.current, r.restoration_id, r.access_key, r.access_sha256,
       r.access_bytes, r.access_format, r.output_sha256
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN restoration r ON r.restoration_id = p.restoration_id
 WHERE r.access_key IS NOT NULL;
COMMENT ON VIEW audit.access_copy IS 'One row a photograph that has a copy for everyday use beside its restored file.';
COMMENT ON COLUMN audit.access_copy.photo_id IS 'Number of the photograph.';
COMMENT ON COLUMN audit.access_copy.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.access_copy.object_key IS 'Its key.';
COMMENT ON COLUMN audit.access_copy.current IS 'Whether this is the scan''s latest version.';
COMMENT ON COLUMN audit.access_copy.restoration_id IS 'The restoration.';
COMMENT ON COLUMN audit.access_copy.access_key IS 'Key of the copy.';
COMMENT ON COLUMN audit.access_copy.access_sha256 IS 'Hash of the copy.';
COMMENT ON COLUMN audit.access_copy.access_bytes IS 'Size of the copy in bytes.';
COMMENT ON COLUMN audit.access_copy.access_format IS 'jpg or webp.';
COMMENT ON COLUMN audit.access_copy.output_sha256 IS 'Hash of the restored file that it is a copy of.';

GRANT SELECT ON audit.access_copy TO restoration_auditor, restoration_ingest, restoration_worker, restoration_publisher;
