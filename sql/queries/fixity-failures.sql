-- Which files did a fixity check find changed or missing, and when, with which hashes?
-- One row each time; a later row with outcome success says that the file is intact again.
SELECT e.collection, e.seq, e.occurred_at, e.outcome, e.detail ->> 'kind' AS kind,
       coalesce(e.detail ->> 'object_key', e.detail ->> 'path') AS name, CAST(e.detail ->> 'version' AS integer) AS version,
       e.detail ->> 'found' AS found, e.detail ->> 'expected' AS expected, e.detail ->> 'actual' AS actual,
       e.detail ->> 'note' AS note
FROM audit.event AS e
WHERE (CAST(:collection AS text) IS NULL OR e.collection = :collection)
  AND e.event_type = 'fixity_check' AND e.detail ->> 'found' IS NOT NULL
ORDER BY e.collection, e.seq
