-- Who divided which scans into the photographs they show, how, and what was taken back?
SELECT collection, division_id, scans, arrangement, photographs, given_through, decided_by, decided_at, removed_at,
       removed_by, removal_reason
FROM audit.division
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND place = 1
ORDER BY collection, division_id
