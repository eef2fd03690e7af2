-- Which photographs took more than one attempt?
SELECT collection, object_key, attempts, state, reason, reason_detail
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current AND attempts > 1
ORDER BY attempts DESC, collection, object_key
