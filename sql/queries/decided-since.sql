-- Which photographs does the current archive still show restored although people decided otherwise, or withdrew them?
-- Publishing again puts it right; earlier versions of the archive stay as they are until they are removed.
SELECT collection, object_key, shown_as, decision_in_force, withdrawn_at, published_version, published_uri
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current
  AND ((shown_as = 'restored'
        AND (decision_in_force IN ('reject', 'keep_original')
             OR (decision_in_force = 'accept_without_faces' AND faces_restored > 0)))
       OR (shown_as IN ('restored', 'original') AND withdrawn_at IS NOT NULL))
ORDER BY collection, object_key
