-- Which photographs needed a person and are shown restored in the current archive although nobody accepted them?
-- Accepted without faces counts where no face is altered. What has been restored anew since stands in unpublished.
SELECT collection, object_key, reason, reason_detail, decision_in_force, published_version, published_uri
FROM audit.photo
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND current
  AND state = 'needs_review' AND shown_as = 'restored' AND published_restoration_id = restoration_id
  AND decision_in_force IS DISTINCT FROM 'accept'
  AND NOT (faces_restored = 0 AND decision_in_force IS NOT DISTINCT FROM 'accept_without_faces')
ORDER BY collection, object_key
