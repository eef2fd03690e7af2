-- In which photographs may a restored face no longer be the same person? The least alike come first.
-- Identity is the cosine between embeddings of the face before and after; below about 0.5 look closely.
SELECT collection, object_key, lowest_identity, faces, faces_restored, state, review
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current AND lowest_identity IS NOT NULL
ORDER BY lowest_identity, object_key
LIMIT 100
