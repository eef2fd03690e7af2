-- Which face restorer is best on our collection?
-- The latest evaluation of every data set (named like the collection), models by perceptual distance where the faces are
-- known and by their likeness to the given face otherwise; degraded or given is what doing nothing gives.
SELECT data_set, evaluation_id, created_at, with_reference, model, model_version, weights_sha256, photos AS faces,
       st_lpips, psnr, ssim_y, identity, (means ->> 'clean_ssim_y')::double precision AS clean_ssim_y, given_identity,
       (means ->> 'sharpness_gain')::double precision AS sharpness_gain,
       CASE WHEN model NOT IN ('degraded', 'given') THEN rank() OVER (
            PARTITION BY evaluation_id, model IN ('degraded', 'given')
            ORDER BY CASE WHEN with_reference THEN st_lpips ELSE -given_identity END) END AS place
FROM audit.evaluation
WHERE latest AND task = 'restore-face' AND family IS NULL
  AND (CAST(:collection AS text) IS NULL OR data_set = :collection)
ORDER BY data_set, with_reference DESC, place NULLS LAST, model
