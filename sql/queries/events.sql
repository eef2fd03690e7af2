-- What happened in the collection, in order? The chain of events with its hashes.
-- `restoration audit verify-chain` recomputes the hashes.
SELECT e.collection, e.seq, e.occurred_at, e.event_type, e.outcome, e.agent, p.object_key, e.detail, e.sha256
FROM audit.event AS e
LEFT JOIN audit.photo AS p ON p.photo_id = e.photo_id
WHERE (CAST(:collection AS text) IS NULL OR e.collection = :collection)
ORDER BY e.collection, e.seq
