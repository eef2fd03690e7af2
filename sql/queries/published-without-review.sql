-- Which published photographs needed a person and were published without a decision?
SELECT collection, object_key, reason, reason_detail, published_version, published_uri
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current
  AND state = 'needs_review' AND review IS NULL AND published_version IS NOT NULL
ORDER BY collection, object_key
