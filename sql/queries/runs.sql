-- Which runs went over the collection, with which recipe and parameters, and how did they end?
SELECT collection, dag_run_id, recipe, state, photos, batches, batches_failed, redeliveries, summary, parameters,
       started_at, round(seconds::numeric, 1) AS seconds
FROM audit.run
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY started_at, dag_run_id
