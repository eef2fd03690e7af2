-- In which photographs did a model change a face?
SELECT collection, object_key, faces, faces_restored, lowest_identity, models_sha256, review, published_version
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current AND faces_restored > 0
ORDER BY collection, object_key
