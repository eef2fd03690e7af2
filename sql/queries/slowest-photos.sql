-- Which photographs took longest, and in which step?
SELECT collection, object_key, round(seconds::numeric, 2) AS seconds, step_seconds, source_width, source_height, device
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current AND seconds IS NOT NULL
ORDER BY seconds DESC, object_key
LIMIT 50
