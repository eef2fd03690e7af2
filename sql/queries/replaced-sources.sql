-- Which scans were replaced by another file under the same name, and what became of the old one?
SELECT old.collection, old.object_key, old.source_etag AS old_etag, old.source_sha256 AS old_sha256,
       old.output_sha256 AS old_output_sha256, new.source_etag AS new_etag, new.state AS new_state, new.first_seen_at
FROM audit.photo AS old
JOIN audit.photo AS new ON new.collection = old.collection AND new.object_key = old.object_key AND new.current
WHERE (CAST(:collection AS text) IS NULL OR old.collection = :collection) AND NOT old.current
ORDER BY old.collection, old.object_key, old.photo_id
