-- How fast was each worker in each run?
-- Duplicates are not counted: they are linked, not restored.
SELECT collection, dag_run_id, worker, device, photos, round(mean_seconds::numeric, 2) AS mean_seconds,
       round(p95_seconds::numeric, 2) AS p95_seconds, round(megapixels::numeric, 2) AS megapixels
FROM audit.throughput
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY first_at, worker
