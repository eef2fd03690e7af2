-- Where and how much was filled?
-- The photographs of which most was invented come first; a kind that was only reported or corrected in tone is listed too.
SELECT collection, object_key, filled_share, kind, found_share, mended_share, regions, mending, model, model_sha256,
       x, y, width, height, mask_key
FROM audit.damage
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY filled_share DESC NULLS LAST, collection, object_key, mended_share DESC, kind
