-- Which restored photographs measure worse than their scans: less sharp, noisier, or far from the original?
SELECT collection, object_key, state,
       (metrics_before ->> 'sharpness')::float AS sharpness_before, (metrics_after ->> 'sharpness')::float AS sharpness_after,
       (metrics_before ->> 'noise')::float AS noise_before, (metrics_after ->> 'noise')::float AS noise_after,
       (metrics_pair ->> 'ssim_y')::float AS ssim_y
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current
  AND ((metrics_after ->> 'sharpness')::float < (metrics_before ->> 'sharpness')::float
       OR (metrics_after ->> 'noise')::float > (metrics_before ->> 'noise')::float
       OR (metrics_pair ->> 'ssim_y')::float < 0.6)
ORDER BY collection, ssim_y NULLS LAST, object_key
