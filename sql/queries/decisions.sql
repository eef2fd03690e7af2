-- Who decided what about which photograph, why, and does it still count?
-- An acceptance counts while the photograph shows what the person saw; every other decision until the next one.
SELECT collection, object_key, decision, reviewer, words, decided_at,
       latest AND (decision <> 'accept' OR of_this_restoration) AS in_force
FROM audit.review
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY review_id DESC
