-- What was done to each photograph of the collection, with which result?
SELECT object_key, state, reason, recipe, ai_altered, faces, lowest_identity, round(seconds::numeric, 2) AS seconds,
       metrics_pair ->> 'ssim_y' AS ssim_y, source_sha256, output_sha256
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current
ORDER BY collection, object_key
