-- Which colours did people give, on what ground, and which of them does the archive show?
-- holds: not taken back, and the scan was not replaced. shown_by: photographs that are painted by it, twins too.
SELECT collection, object_key, hint_id, subject, colour, ground, source, said_by, said_on, given_through, added_by,
       added_at, removed_at IS NULL AND scan_is_current AS holds, photos_painted_by_it AS shown_by, removed_at, removed_by,
       removal_reason
FROM audit.colour_hint
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY collection, object_key, hint_id
