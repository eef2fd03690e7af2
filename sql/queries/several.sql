-- Which scans show several photographs, where on them, and which are divided?
-- A scan that is not is restored as a whole until somebody divides it (`restoration divide`); `part_key` is the name of
-- each photograph of one that is.
SELECT collection, object_key, divided, arrangement, photographs, place, part_key, x, y, width, height, angle, confidence
FROM audit.several
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY collection, object_key, place
