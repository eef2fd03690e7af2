-- Which colorizer is best on our collection?
-- The latest evaluation of every data set (named like the collection), models by dE00 where colours are known and by
-- bleed otherwise; gray is what doing nothing gives, truth what the photographs themselves have.
SELECT data_set, evaluation_id, created_at, with_reference, model, model_version, weights_sha256, photos, delta_e00,
       skin_delta_e00, st_lpips, psnr, colourfulness, face_colourfulness, skin_blue, bleed,
       CASE WHEN model NOT IN ('gray', 'truth') THEN rank() OVER (
            PARTITION BY evaluation_id, model IN ('gray', 'truth')
            ORDER BY CASE WHEN with_reference THEN delta_e00 ELSE bleed END) END AS place
FROM audit.evaluation
WHERE latest AND task = 'colorize' AND family IS NULL
  AND (CAST(:collection AS text) IS NULL OR data_set = :collection)
ORDER BY data_set, with_reference DESC, place NULLS LAST, model
