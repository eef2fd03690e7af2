-- How many photographs did a trained model alter, by recipe, and how many are unaltered?
SELECT collection, recipe, ai_altered, count(*) AS photos
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current AND output_sha256 IS NOT NULL
GROUP BY collection, recipe, ai_altered
ORDER BY collection, recipe, ai_altered
