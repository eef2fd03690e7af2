-- Which photographs have the same bytes as an earlier one, and share its restoration?
SELECT p.collection, p.object_key, o.object_key AS same_as, p.source_sha256, p.restoration_id = o.restoration_id AS shared
FROM audit.photo AS p
JOIN audit.photo AS o ON o.photo_id = p.duplicate_of
WHERE (CAST(:collection AS text) IS NULL OR p.collection = :collection) AND p.current
ORDER BY p.collection, p.object_key
