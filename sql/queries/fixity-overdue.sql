-- Which originals and publications were not read again in time, or are damaged?
-- Damaged ones stay here until a check finds them intact.
SELECT collection, kind, name, version, found, last_read_at, due_at
FROM audit.fixity_overdue
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY found IN ('changed', 'missing') DESC NULLS LAST, due_at, collection, name
