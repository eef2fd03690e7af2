-- Which scans show several photographs, and where on them?
-- Such a scan is restored as a whole until somebody parts it with `restoration split`.
SELECT collection, object_key, arrangement, photographs, place, x, y, width, height, angle, confidence
FROM audit.several
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY collection, object_key, place
