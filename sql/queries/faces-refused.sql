-- Which faces did a restorer see that keep the scan's pixels after all, and how near did each come?
-- identity_tried holds the cosines of the shares that were tried, the whole restored face first.
SELECT collection, object_key, face, reason, certainty, identity_threshold, identity_tried, restorer, restorer_sha256
FROM audit.face
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection) AND restorer IS NOT NULL AND action = 'left_alone'
ORDER BY collection, object_key, face
