-- Which photographs were withdrawn, why, and which versions of the archive still show them?
-- Versions in still_shown_in keep the picture until their files are removed. lifted_at: taken back since.
SELECT collection, object_key, reason, recorded_by, withdrawn_at, lifted_at, lifted_by, still_shown_in
FROM audit.withdrawal
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY lifted_at IS NOT NULL, withdrawn_at DESC, object_key
