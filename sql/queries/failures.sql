-- Which photographs could not be restored, and why?
SELECT collection, object_key, state, reason, reason_detail, attempts, finished_at
FROM audit.failure
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY collection, state, reason, object_key
