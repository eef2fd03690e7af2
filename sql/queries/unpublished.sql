-- Which finished photographs does the current archive not show yet, or only as they were before?
SELECT collection, object_key, state, output_sha256, finished_at, published_version
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current
  AND state IN ('restored', 'needs_review') AND withdrawn_at IS NULL
  AND published_restoration_id IS DISTINCT FROM restoration_id
ORDER BY collection, object_key
