-- Which photographs wait for a person, and since when?
-- A decision counts only for the restoration that the person saw.
SELECT collection, object_key, reason, reason_detail, faces, lowest_identity, sensitivity, waiting_since
FROM audit.needs_review
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY waiting_since, object_key
