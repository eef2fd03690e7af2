-- Which finished photographs does the current archive not show yet?
SELECT p.collection, p.object_key, p.state, p.output_sha256, p.finished_at
FROM audit.photo AS p
LEFT JOIN audit.publication AS b ON b.collection = p.collection AND b.state = 'current'
WHERE (CAST(:collection AS text) IS NULL OR p.collection = :collection) AND p.current
  AND p.state IN ('restored', 'needs_review')
  AND (p.published_version IS NULL OR p.finished_at > b.created_at)
ORDER BY p.collection, p.object_key
