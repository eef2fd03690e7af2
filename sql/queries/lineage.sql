-- How did each published file come to be: from the scan over run, recipe and models to the output?
SELECT collection, object_key, source_sha256, dag_run_id, outcome, reason, recipe, recipe_sha256, models_sha256,
       output_sha256, published_versions
FROM audit.lineage
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY collection, object_key, finished_at
