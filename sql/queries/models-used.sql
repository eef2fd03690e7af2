-- Which models touched the collection, with which weights and under which licence?
-- A photograph is counted once a model and role, however many of its faces were touched.
SELECT collection, model, version, role, weights_sha256, licence, training_data, photos, first_used_at, last_used_at
FROM audit.model_use
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY collection, model, version, role
