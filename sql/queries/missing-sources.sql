-- Which scans are no longer in the bucket, and since when?
-- A photograph stays in the catalog and in published archives when its scan disappears.
SELECT collection, object_key, missing_since, state, source_sha256, published_version
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current AND missing_since IS NOT NULL
ORDER BY collection, object_key
