-- Where does the collection stand: how many photographs in which state, and what is published?
-- Numbers of photographs are of current versions of scans only.
SELECT collection, photos, restored, needs_review, rejected, quarantined, skipped, pending + in_progress AS unfinished,
       duplicates, source_bytes, last_run_state, published_version, published_at
FROM audit.collection
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY collection
