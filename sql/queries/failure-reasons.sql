-- What are the reasons for failures, and how often does each occur?
SELECT collection, state, reason, count(*) AS photos, min(object_key) AS example
FROM audit.failure
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
GROUP BY collection, state, reason
ORDER BY photos DESC, reason
